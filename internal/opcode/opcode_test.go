package opcode

import (
	"encoding/binary"
	"slices"
	"testing"
)

// words is a function of arm64.
func words(address uint64, all ...uint32) Function {
	f := Function{Address: address}
	for _, w := range all {
		f.Code = binary.LittleEndian.AppendUint32(f.Code, w)
	}
	return f
}

const (
	ret   = 0xd65f03c0
	ptrue = 0x2518e3e0 // ptrue p0.b
	nop   = 0xd503201f
)

// bl is a call of a function so many words ahead.
func bl(words int32) uint32 { return 0x94000000 | uint32(words)&0x3ffffff }

func TestWordsOfArm64(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		word uint32
		want Set
	}{
		"ptrue p0.b":                {ptrue, SVE},
		"ld1w {z0.s}, p0/z, [x0]":   {0xa540a000, SVE},
		"whilelo p0.s, xzr, x1":     {0x25a10fe0, SVE},
		"add z0.s, z0.s, z1.s":      {0x04a10000, SVE},
		"fmopa za0.s, p0/m, ...":    {0x80800000, SVE},
		"fmla v0.4s, v1.4s, v1.4s":  {0x4e21cc20, 0},
		"ldadd w0, w0, [x0]":        {0xb8200000, 0}, // 8.1, which Neoverse N1 has
		"sdot v0.4s, v1.16b, v2...": {0x4e829420, 0}, // 8.2, likewise
		"ret":                       {ret, 0},
		"nop":                       {nop, 0},
		"udf":                       {0, 0},
	} {
		if got := arm64(c.word, 0).set; got != c.want {
			t.Errorf("%s is of %v, want %v", name, got, c.want)
		}
	}
	if to := arm64(bl(-2), 0x1000).refers; to != 0xff8 {
		t.Errorf("bl refers to %x", to)
	}
	if to := arm64(0x10000040, 0x1000).refers; to != 0x1008 { // adr x0, 8
		t.Errorf("adr refers to %x", to)
	}
}

// TestWhoRefers asks of small programs which functions run whatever the processor has.
func TestWhoRefers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		functions []Function // at 0x1000, 0x1010 and so on
		chosen    []int
		named     []uint64 // by data
		want      []int
	}{
		"called from the start":      {[]Function{words(0x1000, bl(4), ret), words(0x1010, ptrue, ret)}, nil, nil, []int{1}},
		"the start itself":           {[]Function{words(0x1000, ptrue, ret)}, nil, nil, nil}, // nothing leads there, as to one that only data names
		"called by one that chooses": {[]Function{words(0x1000, bl(4), ret), words(0x1010, bl(4), ret), words(0x1020, ptrue, ret)}, []int{1}, nil, nil},
		"called by one that is chosen": {
			[]Function{words(0x1000, bl(4), ret), words(0x1010, bl(4), ret), words(0x1020, bl(4), ret), words(0x1030, ptrue, ret)}, []int{1}, nil, nil,
		},
		"called by that and another": {
			[]Function{words(0x1000, bl(8), ret), words(0x1010, bl(4), ret), words(0x1020, ptrue, ret)}, []int{1}, nil, []int{2},
		},
		"known to be chosen":        {[]Function{words(0x1000, bl(4), ret), words(0x1010, ptrue, ret)}, []int{1}, nil, nil},
		"in a table":                {[]Function{words(0x1000, nop, ret), words(0x1010, ptrue, ret)}, nil, nil, nil},
		"one calls itself":          {[]Function{words(0x1000, bl(4), ret), words(0x1010, ptrue, bl(-1))}, nil, nil, []int{1}},
		"two that call each other":  {[]Function{words(0x1000, bl(4), ret), words(0x1010, bl(4), ret), words(0x1020, ptrue, bl(-5))}, nil, nil, []int{2}},
		"called by one in a table":  {[]Function{words(0x1000, ret), words(0x1010, bl(4), ret), words(0x1020, ptrue, ret)}, nil, []uint64{0x1010}, []int{2}},
		"called by one that is not": {[]Function{words(0x1000, ret), words(0x1010, bl(4), ret), words(0x1020, ptrue, ret)}, nil, []uint64{0x1018}, nil},
		"two that nobody else does": {[]Function{words(0x1000, ret), words(0x1010, bl(4), ret), words(0x1020, ptrue, bl(-5))}, nil, nil, nil},
	} {
		data := make([]byte, 0, 32)
		for _, address := range c.named {
			data = binary.LittleEndian.AppendUint64(data, address)
		}
		p := Program{
			Arch: "arm64", Data: [][]byte{data}, Functions: c.functions, Entry: 0x1000,
			Writable: func(uint64) bool { return false }, Pointer: func(uint64) uint64 { return 0 }, Chosen: func(i int) bool { return slices.Contains(c.chosen, i) },
		}
		var got []int
		for _, f := range Stray(p, SVE|AVX512) {
			got = append(got, f.Function)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v run, want %v", name, got, c.want)
		}
	}
}

// TestExportedFunctionsRun: whoever loads a library runs what it exports, unless the library has a choice of its own.
func TestExportedFunctionsRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		functions        []Function
		exported, chosen []int
		want             []int
	}{
		"itself":              {[]Function{words(0x1000, ret), words(0x1010, ptrue, ret)}, []int{1}, nil, []int{1}},
		"not exported":        {[]Function{words(0x1000, ret), words(0x1010, ptrue, ret)}, []int{0}, nil, nil},
		"known to be chosen":  {[]Function{words(0x1000, ret), words(0x1010, ptrue, ret)}, []int{1}, []int{1}, nil},
		"called by one":       {[]Function{words(0x1000, ret), words(0x1010, bl(4), ret), words(0x1020, ptrue, ret)}, []int{1}, nil, []int{2}},
		"called by a choice":  {[]Function{words(0x1000, ret), words(0x1010, bl(4), ret), words(0x1020, ptrue, ret)}, []int{1, 2}, []int{1}, nil},
		"called by no choice": {[]Function{words(0x1000, ret), words(0x1010, bl(4), ret), words(0x1020, ptrue, ret)}, []int{1, 2}, nil, []int{2}},
	} {
		p := Program{
			Arch: "arm64", Functions: c.functions, Writable: func(uint64) bool { return false }, Pointer: func(uint64) uint64 { return 0 },
			Chosen: func(i int) bool { return slices.Contains(c.chosen, i) }, Exported: func(i int) bool { return slices.Contains(c.exported, i) },
		}
		var got []int
		for _, f := range Stray(p, SVE|AVX512) {
			got = append(got, f.Function)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v run, want %v", name, got, c.want)
		}
	}
}

func FuzzX86(f *testing.F) {
	for _, code := range []string{"\x62\xf2\x7d\x48\x7c\xdf", "\xc5\xf8\x77", "\x66\x66\x66\x48\xe8\x00\x00\x00\x00", "\x0f\x3a", "\xf6\x05", "\x48\xb8"} {
		f.Add([]byte(code))
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		if in := x86(code, 0x1000); in.size < 0 || in.size > min(len(code), longest) {
			t.Errorf("%x is decoded as %d bytes", code, in.size)
		}
		all := Function{Address: 0x1000, Code: code}
		found := false
		each("x86_64", all, func(_ uint64, in instruction) { found = found || in.set == AVX512 })
		if found && !mayHaveEVEX(code) {
			t.Errorf("%x is passed over", code)
		}
		Stray(Program{Arch: "x86_64", Functions: []Function{all}, Writable: func(uint64) bool { return true }, Pointer: func(a uint64) uint64 { return a - 1 }, Chosen: func(int) bool { return false }}, AVX|AVX512)
	})
}
