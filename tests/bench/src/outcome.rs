//! What can go wrong in a bench: anything, and then it ends with a sentence.

/// A fault, in words.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) String);

/// Something, or why it could not be had.
pub(crate) type Outcome<T> = Result<T, Fault>;

impl Fault {
    /// What `what` failed with.
    pub(crate) fn of(what: &str, error: impl std::fmt::Display) -> Self {
        Self(format!("{what}: {error}"))
    }

    /// The same, of an arm.
    pub(crate) fn at(self, arm: &str) -> Self {
        Self(format!("arm {arm}: {}", self.0))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Says what failed, in front of how.
pub(crate) trait Told<T> {
    /// The value, or the error with `what` before it.
    fn told(self, what: &str) -> Outcome<T>;
}

impl<T, E: std::fmt::Display> Told<T> for Result<T, E> {
    fn told(self, what: &str) -> Outcome<T> {
        self.map_err(|error| Fault::of(what, error))
    }
}

impl<T> Told<T> for Option<T> {
    fn told(self, what: &str) -> Outcome<T> {
        self.ok_or_else(|| Fault(what.to_owned()))
    }
}
