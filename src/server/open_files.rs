//! Open files: as many as the system lets this process have.

use rlimit::Resource;

/// Descriptors beside those of connections: listeners, run-times, the log, files that are read.
const OWN: u64 = 64;

/// Raises the soft limit of open files to the hard one, and warns where even that is too low for so many
/// connections. Nothing is lowered: whoever needs fewer connections says so in `server.limits.connections`.
pub fn provide_open_files(connections: usize) {
    let needed = needed(connections);
    match raise() {
        Ok(limit) if limit < needed => tracing::warn!(
            limit,
            needed,
            "server.limits.connections is more than the limit of open files allows: raise LimitNOFILE or ulimit -n"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the limit of open files is not known"),
    }
}

/// The limit in force afterwards.
fn raise() -> std::io::Result<u64> {
    let (soft, hard) = Resource::NOFILE.get()?;
    match Resource::NOFILE.set(hard, hard) {
        Ok(()) => Ok(hard),
        Err(_) => Ok(soft),
    }
}

/// One descriptor to the client of each connection and one to the application.
fn needed(connections: usize) -> u64 {
    u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(OWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_needs_two_descriptors() {
        assert_eq!(needed(100), 264);
        assert_eq!(needed(usize::MAX), u64::MAX);
    }
}
