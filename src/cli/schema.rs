//! `bonafide schema`: the JSON Schema of the policy file, for editors.

use super::Failure;
use super::message::print;
use crate::base::names::exit;

/// Prints the schema, draft 7.
///
/// # Errors
/// Standard output cannot be written.
pub fn schema() -> Result<u8, Failure> {
    print(&format!("{:#}\n", crate::config::schema()))?;
    Ok(exit::OK)
}
