//! Declaring the tables and the word lists of the policy file.

use super::problem::{listed, nearest};
use super::read::{Reader, Shown};
use super::span::Span;

/// How a table is printed: as a section with a header, or inline.
pub fn shown_table(entries: Vec<(String, Shown)>, inline: bool) -> Shown {
    if !inline {
        return Shown::Section(entries);
    }
    let pairs = entries.into_iter().map(|(key, shown)| match shown {
        Shown::Value(value) => format!("{key} = {value}"),
        Shown::Section(_) => format!("{key} = {{}}"),
    });
    let pairs: Vec<String> = pairs.collect();
    Shown::Value(format!("{{ {} }}", pairs.join(", ")))
}

/// Declares a table of the policy file: `key: Type,` or `key: Type = required,`, each with its documentation. A key
/// whose name is a word of Rust is written `field as "key": Type,`.
macro_rules! raw_table {
    ($(#[doc = $about:literal])+ $vis:vis $kind:ident $name:ident as $title:literal {
        $($(#[doc = $doc:literal])+ $key:ident $(as $word:literal)?: $type:ty $(= $required:ident)?,)+
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, Default)]
        $vis struct $name {
            $($(#[doc = $doc])+ pub $key: Option<$crate::config::span::Located<$type>>,)+
            /// Whether a key in here or below could not be read: what is absent may only be mistaken.
            pub flawed: bool,
        }

        impl $name {
            /// The keys of the table.
            pub const KEYS: &'static [&'static str] = &[$($crate::config::declare::key_name!($key $($word)?)),+];
        }

        impl $crate::config::read::Raw for $name {
            const EXAMPLE: &'static str = $title;

            fn read(
                value: &toml::de::DeValue<'_>,
                at: $crate::config::span::Span,
                reader: &mut $crate::config::read::Reader,
            ) -> Option<Self> {
                let Some(table) = value.as_table() else {
                    reader.wrong_type(value, at, "a table", $title);
                    return None;
                };
                let before = reader.count();
                let mut this = Self::default();
                for (key, value) in $crate::config::read::in_order(table) {
                    match key.get_ref().as_ref() {
                        $($crate::config::declare::key_name!($key $($word)?) => this.$key = reader.read(value),)+
                        _ => reader.unknown_key(key, $title, Self::KEYS),
                    }
                }
                $({
                    let _key = $crate::config::declare::key_name!($key $($word)?);
                    $(
                        let _ = stringify!($required);
                        if table.get(_key).is_none() {
                            let example = <$type as $crate::config::read::Raw>::EXAMPLE;
                            reader.missing_key(at, $title, _key, example);
                        }
                    )?
                })+
                this.flawed = reader.count() > before;
                Some(this)
            }

            fn schema() -> serde_json::Value {
                let mut keys = serde_json::Map::new();
                $(
                    let documentation = concat!($($doc),+).trim();
                    let schema = <$type as $crate::config::read::Raw>::schema();
                    keys.insert($crate::config::declare::key_name!($key $($word)?).into(), $crate::config::schema::described(schema, documentation));
                )+
                let marks: &[(&str, &[&str])] =
                    &[$(($crate::config::declare::key_name!($key $($word)?), &[$(stringify!($required))?]),)+];
                let required = marks.iter().filter(|(_, marks)| !marks.is_empty()).map(|(key, _)| *key);
                let required: Vec<&str> = required.collect();
                $crate::config::schema::table(keys, &required, concat!($($about),+).trim())
            }

            fn merge(self, over: Self) -> Self {
                $name {
                    $($key: $crate::config::read::merged(self.$key, over.$key),)+
                    flawed: self.flawed || over.flawed,
                }
            }

            fn shown(
                &self,
                _at: $crate::config::span::Span,
                files: &$crate::config::span::Files,
            ) -> $crate::config::read::Shown {
                let mut entries = Vec::new();
                $(if let Some(found) = &self.$key {
                    let shown = $crate::config::read::Raw::shown(&found.value, found.at, files);
                    entries.push(($crate::config::declare::key_name!($key $($word)?).to_owned(), shown));
                })+
                $crate::config::declare::shown_table(entries, stringify!($kind) == "inline")
            }

            fn locate(&self, path: &[String]) -> Option<$crate::config::span::Span> {
                let (key, below) = path.split_first()?;
                match key.as_str() {
                    $($crate::config::declare::key_name!($key $($word)?) => $crate::config::read::located(&self.$key, below),)+
                    _ => None,
                }
            }
        }
    };
}

/// Declares a type that is one of a few words.
macro_rules! raw_words {
    ($(#[doc = $about:literal])+ $vis:vis enum $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name { $($(#[doc = $doc])+ $variant,)+ }

        impl $crate::config::read::Raw for $name {
            const EXAMPLE: &'static str = $crate::config::declare::first(&[$(concat!("\"", $word, "\"")),+]);

            fn read(
                value: &toml::de::DeValue<'_>,
                at: $crate::config::span::Span,
                reader: &mut $crate::config::read::Reader,
            ) -> Option<Self> {
                let Some(word) = value.as_str() else {
                    reader.wrong_type(value, at, "a string", Self::EXAMPLE);
                    return None;
                };
                match word {
                    $($word => Some($name::$variant),)+
                    _ => {
                        $crate::config::declare::unknown_word(reader, at, word, &[$($word),+]);
                        None
                    }
                }
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({ "type": "string", "enum": [$($word),+] })
            }
        }
    };
}

/// A key as it is written in the policy file.
macro_rules! key_name {
    ($key:ident) => {
        stringify!($key)
    };
    ($key:ident $word:literal) => {
        $word
    };
}

pub(crate) use {key_name, raw_table, raw_words};

/// The first of some words.
pub const fn first(words: &'static [&'static str]) -> &'static str {
    match words {
        [first, ..] => first,
        [] => "",
    }
}

/// A word that is not in the list.
pub fn unknown_word(reader: &mut Reader, at: Span, word: &str, valid: &[&'static str]) {
    let help = match nearest(word, valid.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("valid here: {}", listed(valid.iter().copied())),
    };
    reader.bad_value(at, format!("unknown word \"{}\"", word.escape_debug()), help);
}
