//! Tokens to a tree, by the grammar of CEL: `?:` binds least, then `||`, `&&`, comparisons and `in`, `+ -`, `* / %`,
//! `! -`, and `. [ ( ` most.

use super::lexer::{Kind, Token, tokens};
use super::{Form, Literal, Operator, Span, Tree, Word, literal};
use crate::fault::{Fault, short};
use crate::limits::{DEPTH, NODES, TEXT_BYTES};

/// Words that CEL keeps for itself: they are no names of variables.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// The tree of `text`.
///
/// # Errors
/// Everything that is no token, or else the first thing that is no expression, or that the text is too long, too deep
/// or of too many parts.
pub(crate) fn parse(text: &str) -> Result<Tree, Vec<Fault>> {
    if text.len() > TEXT_BYTES {
        let message = format!("the condition has {} bytes, and {TEXT_BYTES} are the most", text.len());
        return Err(vec![Fault::new(text, 0, message)]);
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens, next: 0, depth: 0, nodes: 0 };
    parser.whole().map_err(|fault| vec![fault])
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    next: usize,
    /// How many expressions are open.
    depth: usize,
    nodes: usize,
}

type Parsed = Result<Tree, Fault>;

impl<'t> Parser<'t> {
    fn whole(&mut self) -> Parsed {
        if self.peek() == Some(&Kind::End) {
            return Err(self.fault_here("the condition is empty; write true for always".to_owned()));
        }
        let tree = self.expression()?;
        match self.peek() {
            Some(Kind::End) | None => Ok(tree),
            Some(Kind::Word | Kind::Number | Kind::Text(_) | Kind::Sign) => Err(self.unexpected("the end")),
        }
    }

    /// An expression with everything that may be in it.
    fn expression(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.too_deep());
        }
        let condition = self.any()?;
        let tree = if self.take("?") {
            let then = self.any()?;
            self.expect(":")?;
            let otherwise = self.expression()?;
            let span = cover(condition.span, otherwise.span);
            self.tree(span, Form::Choice(Box::new([condition, then, otherwise])))?
        } else {
            condition
        };
        self.depth -= 1;
        Ok(tree)
    }

    fn any(&mut self) -> Parsed {
        self.joined("||", Self::all, Form::Any)
    }

    fn all(&mut self) -> Parsed {
        self.joined("&&", |parser| parser.binary(0), Form::All)
    }

    /// One or more of `part` with `sign` between them, flat however many.
    fn joined(&mut self, sign: &str, part: fn(&mut Self) -> Parsed, form: fn(Vec<Tree>) -> Form) -> Parsed {
        let first = part(self)?;
        if self.sign() != Some(sign) {
            return Ok(first);
        }
        let start = first.span;
        let mut parts = vec![first];
        while self.take(sign) {
            parts.push(part(self)?);
        }
        let end = parts.last().map_or(start, |last| last.span);
        self.tree(cover(start, end), form(parts))
    }

    /// Operators that bind at least as strongly as `level`: 0 comparisons, 1 sums, 2 products.
    fn binary(&mut self, level: u8) -> Parsed {
        if level > 2 {
            return self.unary();
        }
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator(level) {
            self.next += 1;
            let right = self.binary(level + 1)?;
            let span = cover(left.span, right.span);
            left = self.tree(span, Form::Binary { operator, sides: Box::new([left, right]) })?;
        }
        Ok(left)
    }

    /// The operator that stands here, if it is of this level.
    fn operator(&self, level: u8) -> Option<Operator> {
        let sign = self.sign().or_else(|| (self.word() == Some("in")).then_some("in"))?;
        let (own, operator) = match sign {
            "==" => (0, Operator::Equal),
            "!=" => (0, Operator::NotEqual),
            "<" => (0, Operator::Less),
            "<=" => (0, Operator::LessOrEqual),
            ">" => (0, Operator::Greater),
            ">=" => (0, Operator::GreaterOrEqual),
            "in" => (0, Operator::In),
            "+" => (1, Operator::Add),
            "-" => (1, Operator::Subtract),
            "*" => (2, Operator::Multiply),
            "/" => (2, Operator::Divide),
            "%" => (2, Operator::Remainder),
            _ => return None,
        };
        (own == level).then_some(operator)
    }

    fn unary(&mut self) -> Parsed {
        let start = self.span();
        let Some(sign @ ("!" | "-")) = self.sign() else { return self.postfix() };
        self.next += 1;
        if sign == "-" && self.peek() == Some(&Kind::Number) {
            let number = self.number(true, start)?;
            return self.postfix_of(number);
        }
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.too_deep());
        }
        let of = self.unary()?;
        self.depth -= 1;
        let span = cover(start, of.span);
        let of = Box::new(of);
        self.tree(span, if sign == "!" { Form::Not(of) } else { Form::Negative(of) })
    }

    fn postfix(&mut self) -> Parsed {
        let primary = self.primary()?;
        self.postfix_of(primary)
    }

    /// What follows an expression: members, indices and calls.
    fn postfix_of(&mut self, primary: Tree) -> Parsed {
        let mut tree = primary;
        loop {
            if self.take(".") {
                let name = self.name_of_member()?;
                tree = if self.take("(") {
                    let (arguments, end) = self.list_until(")")?;
                    let span = cover(tree.span, end);
                    self.tree(span, Form::Call { target: Some(Box::new(tree)), name, arguments })?
                } else {
                    let span = cover(tree.span, name.span);
                    self.tree(span, Form::Member { of: Box::new(tree), name })?
                };
            } else if self.take("[") {
                let index = self.expression()?;
                let end = self.span();
                self.expect("]")?;
                let span = cover(tree.span, end);
                tree = self.tree(span, Form::Index { of: Box::new(tree), index: Box::new(index) })?;
            } else {
                return Ok(tree);
            }
        }
    }

    fn name_of_member(&mut self) -> Result<Word, Fault> {
        match self.word() {
            Some(text) => {
                let name = Word { text: text.to_owned(), span: self.span() };
                self.next += 1;
                Ok(name)
            }
            None => Err(self.unexpected("a name behind the dot; other names are written ['name']")),
        }
    }

    fn primary(&mut self) -> Parsed {
        let span = self.span();
        match self.peek() {
            Some(Kind::Number) => self.number(false, span),
            Some(Kind::Text(text)) => {
                let text = text.clone();
                self.next += 1;
                self.tree(span, Form::Literal(Literal::Text(text)))
            }
            Some(Kind::Word) => self.named(span),
            Some(Kind::Sign) => self.bracketed(span),
            Some(Kind::End) | None => Err(self.unexpected("a value, a name or (")),
        }
    }

    /// A keyword, a variable or a function.
    fn named(&mut self, span: Span) -> Parsed {
        let text = self.slice(span).to_owned();
        match text.as_str() {
            "true" | "false" => {
                self.next += 1;
                return self.tree(span, Form::Literal(Literal::Bool(text == "true")));
            }
            "null" => {
                self.next += 1;
                return self.tree(span, Form::Literal(Literal::Null));
            }
            "in" => return Err(self.unexpected("a value before `in`")),
            reserved if RESERVED.contains(&reserved) => {
                return Err(self
                    .fault_here(format!("`{reserved}` is a word of CEL itself; quote it, if it is a text")));
            }
            _ => {}
        }
        self.next += 1;
        if self.take("(") {
            let name = Word { text, span };
            let (arguments, end) = self.list_until(")")?;
            return self.tree(cover(span, end), Form::Call { target: None, name, arguments });
        }
        self.tree(span, Form::Name(text))
    }

    fn bracketed(&mut self, start: Span) -> Parsed {
        match self.sign() {
            Some("(") => {
                self.next += 1;
                let mut inner = self.expression()?;
                inner.span = cover(start, self.span());
                self.expect(")")?;
                Ok(inner)
            }
            Some("[") => {
                self.next += 1;
                let (items, end) = self.list_until("]")?;
                self.tree(cover(start, end), Form::List(items))
            }
            Some("{") => {
                let message =
                    "maps are not offered; compare with each key, or use `in` and a list".to_owned();
                Err(self.fault_here(message))
            }
            Some(_) | None => Err(self.unexpected("a value, a name or (")),
        }
    }

    /// Expressions with commas between them, and where the closing sign is. A comma may stand behind the last item of
    /// a list.
    fn list_until(&mut self, close: &str) -> Result<(Vec<Tree>, Span), Fault> {
        let mut items = Vec::new();
        loop {
            let end = self.span();
            if (items.is_empty() || close == "]") && self.take(close) {
                return Ok((items, end));
            }
            items.push(self.expression()?);
            let end = self.span();
            if self.take(close) {
                return Ok((items, end));
            }
            self.expect(",")?;
        }
    }

    fn number(&mut self, negative: bool, start: Span) -> Parsed {
        let span = cover(start, self.span());
        let value = literal::number(self.slice(self.span()), negative);
        let value = value.map_err(|message| self.fault_here(message))?;
        self.next += 1;
        self.tree(span, Form::Literal(value))
    }

    /// A tree of its parts, unless it is too deep or one too many.
    fn tree(&mut self, span: Span, form: Form) -> Parsed {
        let depth = 1 + below(&form);
        self.nodes += 1;
        if depth > DEPTH {
            return Err(self.too_deep());
        }
        if self.nodes > NODES {
            let message = format!("the condition has more than {NODES} parts; write several rules");
            return Err(Fault::new(self.text, 0, message));
        }
        Ok(Tree { span, depth, form })
    }

    fn too_deep(&self) -> Fault {
        self.fault_here(format!("the condition nests or chains more than {DEPTH} deep; write several rules"))
    }

    fn unexpected(&self, expected: &str) -> Fault {
        let found = match self.peek() {
            Some(Kind::End) | None => "the text ends".to_owned(),
            Some(Kind::Word | Kind::Number | Kind::Text(_) | Kind::Sign) => {
                format!("found `{}`", short(self.slice(self.span())))
            }
        };
        self.fault_here(format!("expected {expected}, {found}"))
    }

    fn fault_here(&self, message: String) -> Fault {
        Fault::new(self.text, self.span().start as usize, message)
    }

    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn span(&self) -> Span {
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.tokens.get(self.next).map_or(Span { start: end, end }, |token| token.span)
    }

    fn slice(&self, span: Span) -> &'t str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    fn sign(&self) -> Option<&'t str> {
        (self.peek() == Some(&Kind::Sign)).then(|| self.slice(self.span()))
    }

    fn word(&self) -> Option<&'t str> {
        (self.peek() == Some(&Kind::Word)).then(|| self.slice(self.span()))
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.sign() == Some(sign);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), Fault> {
        if self.take(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }
}

fn cover(first: Span, last: Span) -> Span {
    Span { start: first.start, end: last.end }
}

/// The depth of the deepest part.
fn below(form: &Form) -> usize {
    let deepest = |trees: &[Tree]| trees.iter().map(|tree| tree.depth).max().unwrap_or(0);
    match form {
        Form::Literal(_) | Form::Name(_) => 0,
        Form::Member { of, .. } | Form::Not(of) | Form::Negative(of) => of.depth,
        Form::Index { of, index } => of.depth.max(index.depth),
        Form::Call { target, arguments, .. } => {
            deepest(arguments).max(target.as_ref().map_or(0, |target| target.depth))
        }
        Form::Binary { sides, .. } => deepest(sides.as_slice()),
        Form::Choice(parts) => deepest(parts.as_slice()),
        Form::All(parts) | Form::Any(parts) | Form::List(parts) => deepest(parts),
    }
}
