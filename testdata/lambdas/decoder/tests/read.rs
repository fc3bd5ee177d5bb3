//! Every event in the folder events is read.

#[test]
fn all_are_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/events");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let event = std::fs::read_to_string(&path).unwrap();
        match decoder::read(name, &event) {
            Some(Err(error)) => panic!("{name}: {error}"),
            Some(Ok(())) => read += 1,
            None => {}
        }
    }
    assert!(read > 0, "no event was read");
}
