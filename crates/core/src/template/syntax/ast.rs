//! The tree of a template. Owned and shareable, so that a compiled template can be kept.

use std::collections::HashMap;
use std::sync::Arc;

/// A place in a template's text, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub line: u32,
    pub column: u32,
}

#[derive(Debug, Clone)]
pub(crate) enum Literal {
    None,
    Bool(bool),
    Int(i64),
    /// Beyond 64 bits: its digits.
    Long(Arc<str>),
    Float(f64),
    Str(Arc<str>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
    Concat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

#[derive(Debug)]
pub(crate) struct Expr {
    pub at: At,
    pub kind: ExprKind,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    Name(Arc<str>),
    Literal(Literal),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Slice(Box<Expr>, [Option<Box<Expr>>; 3]),
    Not(Box<Expr>),
    Neg(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    Compare(Box<Expr>, Vec<(CompareOp, Expr)>),
    If {
        test: Box<Expr>,
        yes: Box<Expr>,
        no: Option<Box<Expr>>,
    },
    /// `input` is absent at the head of a `{% filter %}` chain.
    Filter {
        name: Arc<str>,
        input: Option<Box<Expr>>,
        args: Vec<Arg>,
    },
    Test {
        name: Arc<str>,
        input: Box<Expr>,
        args: Vec<Arg>,
    },
    Attr(Box<Expr>, Arc<str>),
    Item(Box<Expr>, Box<Expr>),
    Call(Box<Expr>, Vec<Arg>),
}

#[derive(Debug)]
pub(crate) enum Arg {
    Positional(Expr),
    Named(Arc<str>, Expr),
    Spread(Expr),
    SpreadNamed(Expr),
}

/// What an assignment writes to.
#[derive(Debug)]
pub(crate) enum Target {
    Name(Arc<str>),
    Attr(Expr, Arc<str>),
    Tuple(Vec<Target>),
}

#[derive(Debug)]
pub(crate) struct Stmt {
    pub at: At,
    pub kind: StmtKind,
}

pub(crate) type Body = Arc<Vec<Stmt>>;

#[derive(Debug)]
pub(crate) enum StmtKind {
    Text(Arc<str>),
    Emit(Expr),
    For(Arc<For>),
    If(Expr, Body, Body),
    With(Vec<(Target, Expr)>, Body),
    Set(Target, Expr),
    SetBlock(Target, Option<Expr>, Body),
    FilterBlock(Expr, Body),
    Group(Body),
    Block(Arc<str>),
    Extends(Expr),
    Include(Expr, bool),
    Import(Expr, Target),
    FromImport(Expr, Vec<(Arc<str>, Arc<str>)>),
    Macro(Arc<MacroDecl>),
    CallBlock(Expr, Arc<MacroDecl>),
    Continue,
    Break,
    Do(Expr),
}

#[derive(Debug)]
pub(crate) struct For {
    pub target: Target,
    pub iter: Expr,
    pub condition: Option<Expr>,
    pub recursive: bool,
    pub body: Body,
    pub otherwise: Body,
}

#[derive(Debug)]
pub(crate) struct MacroDecl {
    pub name: Arc<str>,
    pub params: Vec<Arc<str>>,
    /// Those of the last parameters.
    pub defaults: Vec<Expr>,
    pub body: Body,
}

/// A filter, test or lookup that a template names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PluginUse {
    pub kind: PluginKind,
    pub name: Arc<str>,
    pub at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PluginKind {
    Filter,
    Test,
    Lookup,
}

/// A parsed template or expression (then the body is one `Emit`).
#[derive(Debug)]
pub(crate) struct Program {
    pub body: Body,
    pub blocks: HashMap<Arc<str>, Body>,
    pub plugins: Vec<PluginUse>,
}
