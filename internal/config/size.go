package config

import (
	"fmt"
	"strconv"
	"strings"
)

// sizeUnits are the units of [ParseSize], in bytes.
var sizeUnits = map[string]float64{
	"": 1e6, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}

// ParseSize reads a size as a person writes it, such as 500MB or 1.5GiB; a number alone is in MB.
func ParseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, "bBkKmMgGtTiI ")
	unit, known := sizeUnits[strings.ToLower(strings.TrimSpace(text[len(digits):]))]
	n, err := strconv.ParseFloat(digits, 64)
	if !known || err != nil || !(n >= 0) || n*unit >= 1<<62 {
		return 0, fmt.Errorf("%q is no size such as 500MB or 2GiB", text)
	}
	return int64(n * unit), nil
}
