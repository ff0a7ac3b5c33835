//! From host and path to a source. One hash look-up where the path is exact.

use super::pattern::PathPattern;
use crate::http::Captures;
use std::cmp::Ordering;
use std::collections::HashMap;

/// All routes of a policy.
#[derive(Debug, Default)]
pub struct Routes {
    hosts: HashMap<String, Table>,
    any_host: Table,
}

#[derive(Debug, Default)]
struct Table {
    exact: HashMap<String, usize>,
    /// Most specific first.
    patterns: Vec<(PathPattern, usize)>,
}

/// One line of the route table: who takes which requests.
#[derive(Clone, Debug)]
pub struct Route {
    /// The host in lower case, or nothing for every host.
    pub host: Option<String>,
    /// The path pattern.
    pub path: PathPattern,
}

/// Two routes that match the same requests, by their position in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The one that came first.
    pub first: usize,
    /// The one that repeats it.
    pub second: usize,
}

impl Routes {
    /// Builds the table; position in `routes` is the index that [`Routes::find`] returns.
    ///
    /// # Errors
    /// Every pair of equal specificity.
    pub fn build(routes: &[Route]) -> Result<Routes, Vec<Overlap>> {
        let mut table = Routes::default();
        let mut overlaps = Vec::new();
        let mut order: Vec<(usize, &Route)> = routes.iter().enumerate().collect();
        order.sort_by(|(_, a), (_, b)| compare(a, b));
        let mut last: Option<(usize, &Route)> = None;
        for (index, route) in order {
            match last {
                Some((first, same)) if compare(same, route) == Ordering::Equal => {
                    overlaps.push(Overlap { first, second: index });
                }
                _ => {
                    table.insert(route, index);
                    last = Some((index, route));
                }
            }
        }
        overlaps.sort_by_key(|overlap| (overlap.first, overlap.second));
        table.hosts.values_mut().for_each(Table::sort);
        table.any_host.sort();
        if overlaps.is_empty() { Ok(table) } else { Err(overlaps) }
    }

    fn insert(&mut self, route: &Route, index: usize) {
        let table = match &route.host {
            Some(host) => self.hosts.entry(host.clone()).or_default(),
            None => &mut self.any_host,
        };
        if route.path.is_exact() {
            table.exact.insert(route.path.as_str().to_owned(), index);
        } else {
            table.patterns.push((route.path.clone(), index));
        }
    }

    /// The most specific route for a lower-case host name and a path in normal form; a route that names
    /// the host comes before one that does not.
    pub fn find(&self, host: &str, path: &str) -> Option<(usize, Captures)> {
        let own = if self.hosts.is_empty() { None } else { self.hosts.get(host) };
        own.and_then(|table| table.find(path)).or_else(|| self.any_host.find(path))
    }
}

/// By host, then most specific first; `Equal` where two routes match the same requests.
fn compare(a: &Route, b: &Route) -> Ordering {
    a.host.cmp(&b.host).then_with(|| a.path.specificity(&b.path))
}

impl Routes {
    /// Every route as host and index, in the order in which they are tried: routes that name a host first,
    /// by host; then the most specific first.
    pub fn list(&self) -> Vec<(Option<&str>, usize)> {
        let mut hosts: Vec<_> = self.hosts.iter().map(|(host, table)| (Some(host.as_str()), table)).collect();
        hosts.sort_by_key(|(host, _)| *host);
        hosts.push((None, &self.any_host));
        hosts.iter().flat_map(|(host, table)| table.list().into_iter().map(|index| (*host, index))).collect()
    }
}

impl Table {
    fn list(&self) -> Vec<usize> {
        let mut exact: Vec<_> = self.exact.iter().collect();
        exact.sort();
        let exact = exact.into_iter().map(|(_, index)| *index);
        exact.chain(self.patterns.iter().map(|(_, index)| *index)).collect()
    }

    fn sort(&mut self) {
        self.patterns.sort_by(|(a, _), (b, _)| a.specificity(b));
    }

    fn find(&self, path: &str) -> Option<(usize, Captures)> {
        if let Some(index) = self.exact.get(path) {
            return Some((*index, Captures::new()));
        }
        self.patterns.iter().find_map(|(pattern, index)| Some((*index, pattern.matches(path)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(list: &[(Option<&str>, &str)]) -> Result<Routes, Vec<Overlap>> {
        let route = |(host, path): &(Option<&str>, &str)| Route {
            host: host.map(str::to_owned),
            path: PathPattern::parse(path).unwrap(),
        };
        Routes::build(&list.iter().map(route).collect::<Vec<_>>())
    }

    fn index(table: &Routes, host: &str, path: &str) -> Option<usize> {
        table.find(host, path).map(|(index, _)| index)
    }

    #[test]
    fn the_most_specific_route_wins_whatever_the_order() {
        let table = routes(&[
            (None, "/hooks/*"),
            (None, "/hooks/{who}/in"),
            (None, "/hooks/git/in"),
            (None, "/hooks/git/{x}"),
            (Some("a.example"), "/hooks/*"),
        ])
        .unwrap();
        assert_eq!(index(&table, "b.example", "/hooks/git/in"), Some(2));
        assert_eq!(index(&table, "b.example", "/hooks/git/out"), Some(3));
        assert_eq!(index(&table, "b.example", "/hooks/other/in"), Some(1));
        assert_eq!(index(&table, "b.example", "/hooks/other"), Some(0));
        assert_eq!(index(&table, "a.example", "/hooks/git/in"), Some(4));
        assert_eq!(index(&table, "b.example", "/other"), None);
        assert_eq!(table.list(), [(Some("a.example"), 4), (None, 2), (None, 3), (None, 1), (None, 0)]);
    }

    #[test]
    fn equal_routes_are_named() {
        assert_eq!(
            routes(&[(None, "/a/{x}"), (None, "/b"), (None, "/a/{y}"), (None, "/b")]).unwrap_err(),
            [Overlap { first: 0, second: 2 }, Overlap { first: 1, second: 3 }]
        );
        assert!(routes(&[(None, "/a"), (Some("h"), "/a")]).is_ok());
    }
}
