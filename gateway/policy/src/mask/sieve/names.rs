//! Names of members that have been there before, with what is known of them. Rows of a table have the same ones, and a name that
//! is remembered is not looked at again.

/// How many names are kept in one place.
const WAYS: usize = 2;
const PLACES: usize = 32;

/// Names that have been there before and do not change. Rows of a table have the same ones.
pub(super) struct Names<'d>([[Option<Remembered<'d>>; WAYS]; PLACES]);

/// A name, and whether it is telling.
pub(super) type Remembered<'d> = (&'d str, bool);

impl Default for Names<'_> {
    fn default() -> Self {
        Self([[None; WAYS]; PLACES])
    }
}

impl<'d> Names<'d> {
    /// A name that has been there lately.
    #[inline]
    pub(super) fn get(&self, name: &[u8]) -> Option<Remembered<'d>> {
        let ways = self.0.get(Self::place(name))?;
        ways.iter().flatten().find(|(own, _)| own.as_bytes() == name).copied()
    }

    pub(super) fn note(&mut self, name: &'d str, is_telling: bool) {
        if let Some([first, second]) = self.0.get_mut(Self::place(name.as_bytes())) {
            *second = first.replace((name, is_telling));
        }
    }

    /// Where a name is kept. The first and the last letter and the length tell most names of one object apart.
    #[inline]
    fn place(name: &[u8]) -> usize {
        let byte = |byte: Option<&u8>| byte.map_or(0, |byte| usize::from(*byte));
        (byte(name.first()) * 7 + byte(name.last()) * 3 + name.len() * 5) % PLACES
    }
}
