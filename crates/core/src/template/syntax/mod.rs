//! Jinja's syntax: an owned tree, and how minijinja's parser fills it.
//!
//! Only minijinja's lexer and parser are used, not its evaluator: Ansible's templates need Python's values
//! (lists that `append` changes, `%` formatting, tuples, undefined values that travel), which it has no room for.

mod ast;
mod escapes;
mod parse;

pub(crate) use ast::{
    Arg, At, BinaryOp, CompareOp, Expr, ExprKind, For, Literal, MacroDecl, PluginKind, Program, Stmt, StmtKind, Target,
};
pub(crate) use parse::{Mode, ParseError, Syntax, parse};
