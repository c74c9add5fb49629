//! From text to the tree, through minijinja's parser. All that depends on its unstable parts is here.

use super::ast::{
    Arg, At, BinaryOp, Body, CompareOp, Expr, ExprKind, For, Literal, MacroDecl, PluginKind, PluginUse, Program, Stmt,
    StmtKind, Target,
};
use super::escapes;
use crate::template::stack;
use minijinja::machinery::{self, ast};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Delimiters and white space, as the template module's options set them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Syntax {
    pub block: (String, String),
    pub variable: (String, String),
    pub comment: (String, String),
    pub line_statement: Option<String>,
    pub line_comment: Option<String>,
    pub trim_blocks: bool,
    pub lstrip_blocks: bool,
    pub keep_trailing_newline: bool,
}

impl Default for Syntax {
    fn default() -> Self {
        Self {
            block: ("{%".into(), "%}".into()),
            variable: ("{{".into(), "}}".into()),
            comment: ("{#".into(), "#}".into()),
            line_statement: None,
            line_comment: None,
            trim_blocks: true,
            lstrip_blocks: false,
            keep_trailing_newline: false,
        }
    }
}

/// What the text is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    /// A template from YAML: backslashes in literals are themselves.
    Yaml,
    /// A template file.
    File(Syntax),
    /// One expression of YAML.
    Expression,
    /// One expression of `when` and its like, where Python's escapes hold.
    Condition,
}

/// Text that is not Jinja.
#[derive(Debug)]
pub(crate) struct ParseError {
    pub message: String,
    pub at: At,
}

/// Parses `source`.
pub(crate) fn parse(source: &str, mode: &Mode) -> Result<Program, ParseError> {
    let expression = matches!(mode, Mode::Expression | Mode::Condition);
    let raw = matches!(mode, Mode::Yaml | Mode::Expression);
    let text = escapes::prepare(source, expression, raw);
    stack::deeper(|| parse_text(source, &text, mode))
}

fn parse_text(source: &str, text: &str, mode: &Mode) -> Result<Program, ParseError> {
    let expression = matches!(mode, Mode::Expression | Mode::Condition);
    let mut tree = Converter::default();
    let body = if expression {
        let expr = machinery::parse_expr(text).map_err(|error| syntax_error("expression", &error, source))?;
        let expr = tree.expr(&expr)?;
        Arc::new(vec![Stmt { at: expr.at, kind: StmtKind::Emit(expr) }])
    } else {
        let syntax = match mode {
            Mode::File(syntax) => config(syntax)?,
            _ => config(&Syntax::default())?,
        };
        let text = match mode {
            Mode::File(file) => escapes::keep_raw_newlines(text.into(), &file.block.0, &file.block.1, file.trim_blocks),
            _ => escapes::keep_raw_newlines(text.into(), "{%", "%}", true),
        };
        match machinery::parse(&text, "template", syntax).map_err(|error| syntax_error("template", &error, source))? {
            ast::Stmt::Template(template) => tree.body(&template.children)?,
            other => Arc::new(vec![tree.stmt(&other)?]),
        }
    };
    Ok(Program { body, blocks: tree.blocks, plugins: tree.plugins })
}

fn config(syntax: &Syntax) -> Result<SyntaxConfig, ParseError> {
    let mut builder = SyntaxConfig::builder();
    builder
        .block_delimiters(syntax.block.0.clone(), syntax.block.1.clone())
        .variable_delimiters(syntax.variable.0.clone(), syntax.variable.1.clone())
        .comment_delimiters(syntax.comment.0.clone(), syntax.comment.1.clone())
        .trim_blocks(syntax.trim_blocks)
        .lstrip_blocks(syntax.lstrip_blocks)
        .keep_trailing_newline(syntax.keep_trailing_newline);
    if let Some(prefix) = &syntax.line_statement {
        builder.line_statement_prefix(prefix.clone());
    }
    if let Some(prefix) = &syntax.line_comment {
        builder.line_comment_prefix(prefix.clone());
    }
    builder.build().map_err(|error| ParseError { message: error.to_string(), at: At { line: 1, column: 1 } })
}

fn syntax_error(what: &str, error: &minijinja::Error, source: &str) -> ParseError {
    let line = error.line().unwrap_or(1);
    let column = error.range().map_or(1, |range| {
        let before = source.get(..range.start).unwrap_or_default();
        before.rsplit('\n').next().unwrap_or_default().chars().count() + 1
    });
    let message = format!("Syntax error in {what}: {}", error.detail().unwrap_or("invalid syntax"));
    ParseError { message, at: At { line: line as u32, column: column as u32 } }
}

fn place(span: machinery::Span) -> At {
    At { line: u32::from(span.start_line), column: u32::from(span.start_col) + 1 }
}

#[derive(Default)]
struct Converter {
    blocks: HashMap<Arc<str>, Body>,
    plugins: Vec<PluginUse>,
}

impl Converter {
    fn body(&mut self, stmts: &[ast::Stmt<'_>]) -> Result<Body, ParseError> {
        Ok(Arc::new(stmts.iter().map(|stmt| self.stmt(stmt)).collect::<Result<Vec<_>, _>>()?))
    }

    fn stmt(&mut self, stmt: &ast::Stmt<'_>) -> Result<Stmt, ParseError> {
        let (span, kind) = match stmt {
            ast::Stmt::Template(node) => (node.span(), StmtKind::Group(self.body(&node.children)?)),
            ast::Stmt::EmitExpr(node) => (node.span(), StmtKind::Emit(self.expr(&node.expr)?)),
            ast::Stmt::EmitRaw(node) => (node.span(), StmtKind::Text(node.raw.into())),
            ast::Stmt::ForLoop(node) => (node.span(), self.for_loop(node)?),
            ast::Stmt::IfCond(node) => (
                node.span(),
                StmtKind::If(self.expr(&node.expr)?, self.body(&node.true_body)?, self.body(&node.false_body)?),
            ),
            ast::Stmt::WithBlock(node) => {
                let pairs = node.assignments.iter();
                let pairs = pairs.map(|(target, value)| Ok((self.target(target)?, self.expr(value)?)));
                (node.span(), StmtKind::With(pairs.collect::<Result<_, ParseError>>()?, self.body(&node.body)?))
            }
            ast::Stmt::Set(node) => (node.span(), StmtKind::Set(self.target(&node.target)?, self.expr(&node.expr)?)),
            ast::Stmt::SetBlock(node) => {
                let filter = node.filter.as_ref().map(|filter| self.expr(filter)).transpose()?;
                (node.span(), StmtKind::SetBlock(self.target(&node.target)?, filter, self.body(&node.body)?))
            }
            // Ansible never escapes HTML.
            ast::Stmt::AutoEscape(node) => (node.span(), StmtKind::Group(self.body(&node.body)?)),
            ast::Stmt::FilterBlock(node) => {
                (node.span(), StmtKind::FilterBlock(self.expr(&node.filter)?, self.body(&node.body)?))
            }
            ast::Stmt::Block(node) => {
                let name: Arc<str> = node.name.into();
                let body = self.body(&node.body)?;
                self.blocks.insert(Arc::clone(&name), body);
                (node.span(), StmtKind::Block(name))
            }
            ast::Stmt::Import(node) => {
                (node.span(), StmtKind::Import(self.expr(&node.expr)?, self.target(&node.name)?))
            }
            ast::Stmt::FromImport(node) => (node.span(), self.import_names(node)?),
            ast::Stmt::Extends(node) => (node.span(), StmtKind::Extends(self.expr(&node.name)?)),
            ast::Stmt::Include(node) => (node.span(), StmtKind::Include(self.expr(&node.name)?, node.ignore_missing)),
            ast::Stmt::Macro(node) => (node.span(), StmtKind::Macro(Arc::new(self.macro_decl(node)?))),
            ast::Stmt::CallBlock(node) => {
                let call = self.call(&node.call)?;
                let decl = self.macro_decl(&node.macro_decl)?;
                (node.span(), StmtKind::CallBlock(call, Arc::new(decl)))
            }
            ast::Stmt::Continue(node) => (node.span(), StmtKind::Continue),
            ast::Stmt::Break(node) => (node.span(), StmtKind::Break),
            ast::Stmt::Do(node) => (node.span(), StmtKind::Do(self.call(&node.call)?)),
        };
        Ok(Stmt { at: place(span), kind })
    }

    fn for_loop(&mut self, node: &ast::ForLoop<'_>) -> Result<StmtKind, ParseError> {
        Ok(StmtKind::For(Arc::new(For {
            target: self.target(&node.target)?,
            iter: self.expr(&node.iter)?,
            condition: node.filter_expr.as_ref().map(|expr| self.expr(expr)).transpose()?,
            recursive: node.recursive,
            body: self.body(&node.body)?,
            otherwise: self.body(&node.else_body)?,
        })))
    }

    fn import_names(&mut self, node: &ast::FromImport<'_>) -> Result<StmtKind, ParseError> {
        let mut names = Vec::with_capacity(node.names.len());
        for (name, alias) in &node.names {
            let from = variable(name)?;
            let to = alias.as_ref().map(variable).transpose()?.unwrap_or_else(|| Arc::clone(&from));
            names.push((from, to));
        }
        Ok(StmtKind::FromImport(self.expr(&node.expr)?, names))
    }

    fn macro_decl(&mut self, node: &ast::Macro<'_>) -> Result<MacroDecl, ParseError> {
        Ok(MacroDecl {
            name: node.name.into(),
            params: node.args.iter().map(variable).collect::<Result<_, _>>()?,
            defaults: node.defaults.iter().map(|expr| self.expr(expr)).collect::<Result<_, _>>()?,
            body: self.body(&node.body)?,
        })
    }

    fn target(&mut self, expr: &ast::Expr<'_>) -> Result<Target, ParseError> {
        match expr {
            ast::Expr::Var(var) => Ok(Target::Name(var.id.into())),
            ast::Expr::GetAttr(attr) => Ok(Target::Attr(self.expr(&attr.expr)?, attr.name.into())),
            ast::Expr::List(list) => {
                Ok(Target::Tuple(list.items.iter().map(|item| self.target(item)).collect::<Result<_, _>>()?))
            }
            other => Err(ParseError { message: "cannot assign to this".into(), at: place(other.span()) }),
        }
    }

    fn boxed(&mut self, expr: &ast::Expr<'_>) -> Result<Box<Expr>, ParseError> {
        Ok(Box::new(self.expr(expr)?))
    }

    fn optional(&mut self, expr: &Option<ast::Expr<'_>>) -> Result<Option<Box<Expr>>, ParseError> {
        expr.as_ref().map(|expr| self.boxed(expr)).transpose()
    }

    fn exprs(&mut self, items: &[ast::Expr<'_>]) -> Result<Vec<Expr>, ParseError> {
        items.iter().map(|item| self.expr(item)).collect()
    }

    fn expr(&mut self, expr: &ast::Expr<'_>) -> Result<Expr, ParseError> {
        stack::deeper(|| self.convert(expr))
    }

    fn convert(&mut self, expr: &ast::Expr<'_>) -> Result<Expr, ParseError> {
        let at = place(expr.span());
        let kind = match expr {
            ast::Expr::Var(var) => ExprKind::Name(var.id.into()),
            ast::Expr::Const(constant) => ExprKind::Literal(literal(&constant.value, at)?),
            ast::Expr::Slice(slice) => {
                let bounds = [&slice.start, &slice.stop, &slice.step];
                let [start, stop, step] = bounds.map(|bound| self.optional(bound));
                ExprKind::Slice(self.boxed(&slice.expr)?, [start?, stop?, step?])
            }
            ast::Expr::UnaryOp(unary) => match unary.op {
                ast::UnaryOpKind::Not => ExprKind::Not(self.boxed(&unary.expr)?),
                ast::UnaryOpKind::Neg => ExprKind::Neg(self.boxed(&unary.expr)?),
            },
            ast::Expr::BinOp(node) => self.binary(node)?,
            ast::Expr::Compare(node) => {
                let first = self.boxed(&node.expr)?;
                let rest = node.ops.iter().map(|op| Ok((compare_op(op.op), self.expr(&op.expr)?)));
                ExprKind::Compare(first, rest.collect::<Result<_, ParseError>>()?)
            }
            ast::Expr::IfExpr(node) => ExprKind::If {
                test: self.boxed(&node.test_expr)?,
                yes: self.boxed(&node.true_expr)?,
                no: self.optional(&node.false_expr)?,
            },
            ast::Expr::Filter(node) => {
                self.plugins.push(PluginUse { kind: PluginKind::Filter, name: node.name.into(), at });
                let input = self.optional(&node.expr)?;
                ExprKind::Filter { name: node.name.into(), input, args: self.args(&node.args)? }
            }
            ast::Expr::Test(node) => {
                self.plugins.push(PluginUse { kind: PluginKind::Test, name: node.name.into(), at });
                ExprKind::Test { name: node.name.into(), input: self.boxed(&node.expr)?, args: self.args(&node.args)? }
            }
            ast::Expr::GetAttr(node) => ExprKind::Attr(self.boxed(&node.expr)?, node.name.into()),
            ast::Expr::GetItem(node) => ExprKind::Item(self.boxed(&node.expr)?, self.boxed(&node.subscript_expr)?),
            ast::Expr::Call(node) => return self.call(node),
            ast::Expr::List(node) => ExprKind::List(self.exprs(&node.items)?),
            ast::Expr::Tuple(node) => ExprKind::Tuple(self.exprs(&node.items)?),
            ast::Expr::Map(node) => {
                let pairs = node.keys.iter().zip(&node.values);
                let pairs = pairs.map(|(key, value)| Ok((self.expr(key)?, self.expr(value)?)));
                ExprKind::Dict(pairs.collect::<Result<_, ParseError>>()?)
            }
        };
        Ok(Expr { at, kind })
    }

    fn binary(&mut self, node: &ast::BinOp<'_>) -> Result<ExprKind, ParseError> {
        let left = self.boxed(&node.left)?;
        let right = self.boxed(&node.right)?;
        let compare = |op, left, right: Box<Expr>| ExprKind::Compare(left, vec![(op, *right)]);
        Ok(match node.op {
            ast::BinOpKind::ScAnd => ExprKind::And(left, right),
            ast::BinOpKind::ScOr => ExprKind::Or(left, right),
            ast::BinOpKind::Eq => compare(CompareOp::Eq, left, right),
            ast::BinOpKind::Ne => compare(CompareOp::Ne, left, right),
            ast::BinOpKind::Lt => compare(CompareOp::Lt, left, right),
            ast::BinOpKind::Lte => compare(CompareOp::Le, left, right),
            ast::BinOpKind::Gt => compare(CompareOp::Gt, left, right),
            ast::BinOpKind::Gte => compare(CompareOp::Ge, left, right),
            ast::BinOpKind::In => compare(CompareOp::In, left, right),
            ast::BinOpKind::Add => ExprKind::Binary(BinaryOp::Add, left, right),
            ast::BinOpKind::Sub => ExprKind::Binary(BinaryOp::Sub, left, right),
            ast::BinOpKind::Mul => ExprKind::Binary(BinaryOp::Mul, left, right),
            ast::BinOpKind::Div => ExprKind::Binary(BinaryOp::Div, left, right),
            ast::BinOpKind::FloorDiv => ExprKind::Binary(BinaryOp::FloorDiv, left, right),
            ast::BinOpKind::Rem => ExprKind::Binary(BinaryOp::Mod, left, right),
            ast::BinOpKind::Pow => ExprKind::Binary(BinaryOp::Pow, left, right),
            ast::BinOpKind::Concat => ExprKind::Binary(BinaryOp::Concat, left, right),
        })
    }

    fn call(&mut self, node: &ast::Spanned<ast::Call<'_>>) -> Result<Expr, ParseError> {
        let at = place(node.span());
        if let (ast::Expr::Var(var), Some(ast::CallArg::Pos(ast::Expr::Const(name)))) = (&node.expr, node.args.first())
            && matches!(var.id, "lookup" | "query" | "q")
            && let Some(name) = name.value.as_str()
        {
            self.plugins.push(PluginUse { kind: PluginKind::Lookup, name: name.into(), at });
        }
        Ok(Expr { at, kind: ExprKind::Call(self.boxed(&node.expr)?, self.args(&node.args)?) })
    }

    fn args(&mut self, args: &[ast::CallArg<'_>]) -> Result<Vec<Arg>, ParseError> {
        let mut named = HashSet::new();
        let args = args.iter().map(|arg| {
            if let ast::CallArg::Kwarg(name, expr) = arg
                && !named.insert(*name)
            {
                let message = format!("Syntax error in template: keyword argument repeated: {name}");
                return Err(ParseError { message, at: place(expr.span()) });
            }
            Ok(match arg {
                ast::CallArg::Pos(expr) => Arg::Positional(self.expr(expr)?),
                ast::CallArg::Kwarg(name, expr) => Arg::Named((*name).into(), self.expr(expr)?),
                ast::CallArg::PosSplat(expr) => Arg::Spread(self.expr(expr)?),
                ast::CallArg::KwargSplat(expr) => Arg::SpreadNamed(self.expr(expr)?),
            })
        });
        args.collect()
    }
}

fn compare_op(op: ast::CompareOpKind) -> CompareOp {
    match op {
        ast::CompareOpKind::Eq => CompareOp::Eq,
        ast::CompareOpKind::Ne => CompareOp::Ne,
        ast::CompareOpKind::Lt => CompareOp::Lt,
        ast::CompareOpKind::Lte => CompareOp::Le,
        ast::CompareOpKind::Gt => CompareOp::Gt,
        ast::CompareOpKind::Gte => CompareOp::Ge,
        ast::CompareOpKind::In => CompareOp::In,
        ast::CompareOpKind::NotIn => CompareOp::NotIn,
    }
}

fn variable(expr: &ast::Expr<'_>) -> Result<Arc<str>, ParseError> {
    match expr {
        ast::Expr::Var(var) => Ok(var.id.into()),
        other => Err(ParseError { message: "expected a name".into(), at: place(other.span()) }),
    }
}

fn literal(value: &minijinja::Value, at: At) -> Result<Literal, ParseError> {
    let unsupported = || ParseError { message: format!("the constant {value} is too large"), at };
    Ok(match value.kind() {
        ValueKind::None | ValueKind::Undefined => Literal::None,
        ValueKind::Bool => Literal::Bool(value.is_true()),
        ValueKind::String => Literal::Str(value.as_str().unwrap_or_default().into()),
        ValueKind::Number if value.is_integer() => match i64::try_from(value.clone()) {
            Ok(small) => Literal::Int(small),
            Err(_) => Literal::Long(value.to_string().into()),
        },
        _ => Literal::Float(f64::try_from(value.clone()).map_err(|_| unsupported())?),
    })
}
