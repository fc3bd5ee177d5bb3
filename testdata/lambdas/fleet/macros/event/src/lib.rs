//! `#[derive(Event)]` for `fleet_runtime::Event`.

use proc_macro::TokenStream;
use quote::quote;
use syn::{DeriveInput, parse_macro_input};

/// Implements `fleet_runtime::Event`: `RideEnded` gets the type `ride-ended`.
#[proc_macro_derive(Event)]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let DeriveInput {
        ident, generics, ..
    } = parse_macro_input!(input);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let name = kebab_case(&ident.to_string());
    quote! {
        impl #impl_generics ::fleet_runtime::Event for #ident #type_generics #where_clause {
            const TYPE: &'static str = #name;
        }
    }
    .into()
}

fn kebab_case(name: &str) -> String {
    let mut kebab = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(c.to_lowercase());
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::kebab_case;

    #[test]
    fn separates_words_at_capitals() {
        for (name, kebab) in [
            ("", ""),
            ("Ride", "ride"),
            ("RideHasEnded", "ride-has-ended"),
        ] {
            assert_eq!(kebab_case(name), kebab);
        }
    }
}
