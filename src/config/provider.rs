//! The providers that are compiled in: the files of `config/providers`, parsed when a source uses them.

use super::document::read_text;
use super::problem::Problem;
use super::raw::RawProvider;
use super::span::{File, Files, Located};

/// Name and text of every built-in provider, sorted by name.
static BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/providers.rs"));

/// The names of the built-in providers, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// The file of a built-in provider.
pub fn text(name: &str) -> Option<&'static str> {
    let index = BUILT_IN.binary_search_by_key(&name, |(known, _)| *known).ok()?;
    BUILT_IN.get(index).map(|(_, text)| *text)
}

/// Reads a built-in provider; its file joins `files`. `None` where there is none of this name.
pub fn built_in(name: &str, files: &mut Files, problems: &mut Vec<Problem>) -> Option<Located<RawProvider>> {
    let file = File::new(format!("<provider {name}>").into(), text(name)?.to_owned());
    let (provider, found) = read_text(file, files);
    problems.extend(found);
    provider
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_provider_reads_without_a_problem() {
        for name in names() {
            let (mut files, mut problems) = (Files::default(), Vec::new());
            let provider = built_in(name, &mut files, &mut problems);
            assert!(provider.is_some(), "{name}");
            assert_eq!(problems, [], "{name}");
        }
    }

    #[test]
    fn a_name_without_file_is_no_provider() {
        assert!(built_in("no such sender", &mut Files::default(), &mut Vec::new()).is_none());
    }
}
