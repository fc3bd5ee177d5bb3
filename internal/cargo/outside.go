package cargo

func (l *loader) outside(w *Workspace, hold func(string)) {}
