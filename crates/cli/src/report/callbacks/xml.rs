//! XML as Python's `toprettyxml` lays it out: one element a line, a tab a level.

/// A document that is being written.
pub(super) struct Xml {
    text: String,
    depth: usize,
}

impl Xml {
    pub(super) fn new() -> Self {
        Self { text: "<?xml version=\"1.0\" ?>\n".to_owned(), depth: 0 }
    }

    /// Begins an element that has others in it.
    pub(super) fn open(&mut self, name: &str, attributes: &[(&str, String)]) {
        self.begin(name, attributes);
        self.text.push_str(">\n");
        self.depth += 1;
    }

    /// Ends it.
    pub(super) fn close(&mut self, name: &str) {
        self.depth -= 1;
        self.text.push_str(&format!("{}</{name}>\n", "\t".repeat(self.depth)));
    }

    /// An element with text in it, or nothing.
    pub(super) fn leaf(&mut self, name: &str, attributes: &[(&str, String)], text: &str) {
        self.begin(name, attributes);
        match text {
            "" => self.text.push_str("/>\n"),
            text => self.text.push_str(&format!(">{}</{name}>\n", escaped(text, false))),
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, String)]) {
        self.text.push_str(&format!("{}<{name}", "\t".repeat(self.depth)));
        for (name, value) in attributes {
            self.text.push_str(&format!(" {name}=\"{}\"", escaped(value, true)));
        }
    }
}

/// Text that means itself. What XML cannot have is replaced; in an attribute, line ends and tabs would become spaces.
fn escaped(text: &str, attribute: bool) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' if attribute => escaped.push_str(&format!("&#{};", u32::from(char))),
            '\r' => escaped.push_str("&#13;"),
            '\n' | '\t' => escaped.push(char),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_as_it_was_meant() {
        let mut xml = Xml::new();
        xml.open("a", &[("b", "1 < \"2\"\n".to_owned())]);
        xml.leaf("c", &[], "x & \u{1b}[0m\n");
        xml.leaf("d", &[], "");
        xml.close("a");
        let expected = "<?xml version=\"1.0\" ?>\n<a b=\"1 &lt; &quot;2&quot;&#10;\">\n\t<c>x &amp; \u{fffd}[0m\n</c>\n\t<d/>\n</a>\n";
        assert_eq!(xml.finish(), expected);
    }
}
