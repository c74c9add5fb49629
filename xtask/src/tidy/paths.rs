//! The paths that a file names, in `use` and in code, tests left out. Code inside macro calls is not seen.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A path such as `std::fs::read` and its line.
pub struct Path {
    /// Its parts.
    pub parts: Vec<String>,
    /// Counted from 1.
    pub line: usize,
}

/// Whether an item with these attributes exists in tests only.
pub fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test")))
    })
}

/// All paths of a file.
pub fn of(file: &syn::File) -> Vec<Path> {
    let mut paths = Paths::default();
    paths.visit_file(file);
    paths.found
}

#[derive(Default)]
struct Paths {
    found: Vec<Path>,
}

impl Paths {
    fn imports(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.imports(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) if name.ident == "self" => self.add(before.to_vec(), name.span()),
            syn::UseTree::Name(name) => self.add(with(&name.ident), name.span()),
            syn::UseTree::Rename(name) => self.add(with(&name.ident), name.span()),
            syn::UseTree::Glob(glob) => self.add(before.to_vec(), glob.span()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.imports(tree, before)),
        }
    }

    fn add(&mut self, parts: Vec<String>, span: Span) {
        self.found.push(Path { parts, line: span.start().line });
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.imports(&item.tree, &[]);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(parts, path.span());
        visit::visit_path(self, path);
    }
}
