//! Lists the provider files of `config/providers`, so that adding a provider is adding a file.
#![allow(clippy::disallowed_methods)] // cargo tells a build script its directories in the environment

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let directory =
        Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("config/providers");
    println!("cargo::rerun-if-changed={}", directory.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut paths: Vec<PathBuf> = Vec::new();
    if directory.is_dir() {
        for entry in fs::read_dir(&directory)? {
            paths.push(entry?.path());
        }
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    // By name, as they are searched: `swt` before `swt-legacy`.
    paths.sort_by(|a, b| a.file_stem().cmp(&b.file_stem()));
    let mut list = String::from("&[\n");
    for path in &paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let _ = writeln!(list, "    ({name:?}, include_str!({:?})),", path.display().to_string());
    }
    list.push_str("]\n");
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("providers.rs"), list)
}
