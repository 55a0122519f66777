use super::{Cursor, Node, Text};

/// The members of an object that was scanned before, one after the other.
pub(crate) struct Members<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Members<'a> {
    pub(crate) fn of(object: &'a str) -> Self {
        let mut cursor = Cursor::new(object);
        cursor.space();
        cursor.eat(b'{');
        Self { cursor }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.space();
        self.cursor.eat(b',');
        self.cursor.space();
        let name = self.cursor.string().ok()?; // fails at the closing brace, too
        self.cursor.space();
        self.cursor.eat(b':');
        self.cursor.space();
        Some((name, self.cursor.value(1).ok()?))
    }
}
