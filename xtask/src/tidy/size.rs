//! Length of files and functions, both without tests.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::command::Finding;
use super::paths::is_test;

const FILE: usize = 600;
const FUNCTION: usize = 80;

/// Finds files and functions that are too long.
pub fn check(text: &str, file: &syn::File) -> Vec<Finding> {
    let mut lengths = Lengths::default();
    lengths.visit_file(file);
    let lines = text.lines().count() - lengths.test_lines;
    let mut findings = lengths.findings;
    if lines > FILE {
        findings.push(Finding { line: 1, message: format!("has {lines} lines without tests, {FILE} are allowed") });
    }
    findings
}

#[derive(Default)]
struct Lengths {
    test_lines: usize,
    findings: Vec<Finding>,
}

impl Lengths {
    fn function(&mut self, name: &syn::Ident, start: Span, block: &syn::Block) {
        let line = start.start().line;
        let lines = block.span().end().line + 1 - line;
        if lines > FUNCTION {
            self.findings.push(Finding {
                line,
                message: format!("function `{name}` has {lines} lines, {FUNCTION} are allowed"),
            });
        }
    }
}

impl<'ast> Visit<'ast> for Lengths {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_test(&item.attrs) {
            self.test_lines += item.span().end().line + 1 - item.span().start().line;
        } else {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            self.function(&item.sig.ident, item.sig.span(), &item.block);
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig.ident, item.sig.span(), &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig.ident, item.sig.span(), block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}
