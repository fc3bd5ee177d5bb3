//! Not a program: `autobins = false` keeps cargo from making one of it.

compile_error!("src/bin/notes.rs is no binary target");
