//! Nothing but tests: `tests` runs statements on real databases, and compares what they did with what
//! `lychgate-gateway-command` says that they do. `install` fetches the servers.
