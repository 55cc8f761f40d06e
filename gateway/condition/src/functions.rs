//! The functions that conditions have: names, arguments and results. What they do is in `run::functions`.

/// A function. `matches` is none of them: its pattern is compiled before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Size,
    StartsWith,
    EndsWith,
    Contains,
    LowerAscii,
    UpperAscii,
    Trim,
    Replace,
    Split,
    Join,
    IndexOf,
    Substring,
    ToBool,
    ToInt,
    ToUint,
    ToDouble,
    ToText,
    ToTimestamp,
    ToDuration,
    TypeOf,
    Dynamic,
    Part(Part),
}

/// A part of a point in time or of a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    FullYear,
    Month,
    DayOfMonth,
    Date,
    DayOfYear,
    DayOfWeek,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

/// What an argument may be, or what comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Anything,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Texts,
    Timestamp,
    Duration,
    Kind,
    /// A string, a list or a map.
    Sized,
    /// A point in time or a duration.
    Time,
    /// A number or a text.
    NumberOrText,
}

/// How a function is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `size(x)`
    Plain,
    /// `x.trim()`
    Member,
    /// Both.
    Either,
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    pub(crate) function: Function,
    pub(crate) style: Style,
    /// The arguments; for a member, what stands before the dot is the first.
    pub(crate) takes: &'static [Shape],
    /// How many of the last arguments may be left out.
    pub(crate) optional: usize,
    pub(crate) gives: Shape,
}

/// The function with this name.
pub(crate) fn find(name: &str) -> Option<&'static Signature> {
    FUNCTIONS.iter().find(|signature| signature.name == name)
}

const fn row(
    name: &'static str,
    function: Function,
    style: Style,
    takes: &'static [Shape],
    gives: Shape,
) -> Signature {
    Signature { name, function, style, takes, optional: 0, gives }
}

const fn part(name: &'static str, part: Part) -> Signature {
    Signature {
        name,
        function: Function::Part(part),
        style: Style::Member,
        takes: &[Shape::Time, Shape::Text],
        optional: 1,
        gives: Shape::Int,
    }
}

/// All functions but `matches` and the macros.
pub(crate) const FUNCTIONS: [Signature; 31] = [
    row("size", Function::Size, Style::Either, &[Shape::Sized], Shape::Int),
    row("startsWith", Function::StartsWith, Style::Member, &[Shape::Text, Shape::Text], Shape::Bool),
    row("endsWith", Function::EndsWith, Style::Member, &[Shape::Text, Shape::Text], Shape::Bool),
    row("contains", Function::Contains, Style::Member, &[Shape::Text, Shape::Text], Shape::Bool),
    row("lowerAscii", Function::LowerAscii, Style::Member, &[Shape::Text], Shape::Text),
    row("upperAscii", Function::UpperAscii, Style::Member, &[Shape::Text], Shape::Text),
    row("trim", Function::Trim, Style::Member, &[Shape::Text], Shape::Text),
    row("replace", Function::Replace, Style::Member, &[Shape::Text, Shape::Text, Shape::Text], Shape::Text),
    row("split", Function::Split, Style::Member, &[Shape::Text, Shape::Text], Shape::Texts),
    Signature {
        name: "join",
        function: Function::Join,
        style: Style::Member,
        takes: &[Shape::Texts, Shape::Text],
        optional: 1,
        gives: Shape::Text,
    },
    row("indexOf", Function::IndexOf, Style::Member, &[Shape::Text, Shape::Text], Shape::Int),
    Signature {
        name: "substring",
        function: Function::Substring,
        style: Style::Member,
        takes: &[Shape::Text, Shape::Int, Shape::Int],
        optional: 1,
        gives: Shape::Text,
    },
    row("bool", Function::ToBool, Style::Plain, &[Shape::Anything], Shape::Bool),
    row("int", Function::ToInt, Style::Plain, &[Shape::Anything], Shape::Int),
    row("uint", Function::ToUint, Style::Plain, &[Shape::NumberOrText], Shape::Uint),
    row("double", Function::ToDouble, Style::Plain, &[Shape::NumberOrText], Shape::Double),
    row("string", Function::ToText, Style::Plain, &[Shape::Anything], Shape::Text),
    row("timestamp", Function::ToTimestamp, Style::Plain, &[Shape::Anything], Shape::Timestamp),
    row("duration", Function::ToDuration, Style::Plain, &[Shape::Anything], Shape::Duration),
    row("type", Function::TypeOf, Style::Plain, &[Shape::Anything], Shape::Kind),
    row("dyn", Function::Dynamic, Style::Plain, &[Shape::Anything], Shape::Anything),
    part("getFullYear", Part::FullYear),
    part("getMonth", Part::Month),
    part("getDayOfMonth", Part::DayOfMonth),
    part("getDate", Part::Date),
    part("getDayOfYear", Part::DayOfYear),
    part("getDayOfWeek", Part::DayOfWeek),
    part("getHours", Part::Hours),
    part("getMinutes", Part::Minutes),
    part("getSeconds", Part::Seconds),
    part("getMilliseconds", Part::Milliseconds),
];
