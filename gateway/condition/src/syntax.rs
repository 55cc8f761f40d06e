//! The text of a condition as a tree: what it says, not yet what it means. `lexer` finds words, `literal` reads what
//! stands for a value, `parser` makes the tree. Names, functions and types are looked at in `check`.

mod lexer;
mod literal;
mod parser;

pub(crate) use parser::parse;

/// A part of the text, from `start` up to but not including `end`, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// A name where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub(crate) span: Span,
    /// How many trees lie below each other, this one included.
    pub(crate) depth: usize,
    pub(crate) form: Form,
}

/// What an expression consists of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Form {
    Literal(Literal),
    Name(String),
    Member {
        of: Box<Tree>,
        name: Word,
    },
    Index {
        of: Box<Tree>,
        index: Box<Tree>,
    },
    Call {
        target: Option<Box<Tree>>,
        name: Word,
        arguments: Vec<Tree>,
    },
    Not(Box<Tree>),
    Negative(Box<Tree>),
    Binary {
        operator: Operator,
        sides: Box<[Tree; 2]>,
    },
    /// All of these, `&&`.
    All(Vec<Tree>),
    /// Any of these, `||`.
    Any(Vec<Tree>),
    /// `condition ? then : otherwise`
    Choice(Box<[Tree; 3]>),
    List(Vec<Tree>),
}

/// What stands for a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
}

/// What stands between two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    /// As it is written.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}
