package opcode

import "encoding/binary"

// What follows an opcode of x86-64 besides the operands that its ModRM byte names.
const (
	operands = 1 << iota // a ModRM byte
	byte1                // one byte more
	byte2                // two
	byte4                // four, or two after the prefix 66
	byte8                // eight after REX.W, else as byte4
	address8             // an address of eight bytes, or four after the prefix 67
	relative             // four bytes, whatever the prefix: the distance to another instruction
	test                 // as TEST in the groups F6 and F7, of which the other members have no constant
	invalid              // no instruction of 64-bit mode
)

// The maps of opcodes: Intel's Software Developer's Manual, volume 2D, appendix A.
var (
	oneByte = opcodes("mmmmbzii mmmmbzii mmmmbzii mmmmbzii mmmmbzii mmmmbzii mmmmbzii mmmmbzii" + // 00 to 3f
		" iiiiiiii iiiiiiii ........ ........ iiimiiii zMbB.... bbbbbbbb bbbbbbbb" + // 40 to 7f
		" BMiBmmmm mmmmmmmm ........ ..i..... aaaa.... bz...... bbbbbbbb qqqqqqqq" + // 80 to bf
		" BBw.iiBM e.w..bi. mmmmiii. mmmmmmmm bbbbbbbb rrib.... i.ii..tT ......mm") // c0 to ff
	twoBytes = opcodes("mmmmi... ..i.im.B mmmmmmmm mmmmmmmm mmmmiiii mmmmmmmm ........ iiiiiiii" + // 00 to 3f
		" mmmmmmmm mmmmmmmm mmmmmmmm mmmmmmmm mmmmmmmm mmmmmmmm BBBBmmm. mmiimmmm" + // 40 to 7f
		" rrrrrrrr rrrrrrrr mmmmmmmm mmmmmmmm ...mBmmm ...mBmmm mmmmmmmm mmBmmmmm" + // 80 to bf
		" mmBmBBBm ........ mmmmmmmm mmmmmmmm mmmmmmmm mmmmmmmm mmmmmmmm mmmmmmmm") // c0 to ff
)

func opcodes(table string) (all [256]uint16) {
	meaning := map[byte]uint16{
		'.': 0, 'm': operands, 'b': byte1, 'z': byte4, 'B': operands | byte1, 'M': operands | byte4, 'w': byte2, 'e': byte1 | byte2,
		'q': byte8, 'a': address8, 'r': relative, 't': operands | test | byte1, 'T': operands | test | byte4, 'i': invalid,
	}
	n := 0
	for i := range len(table) {
		if table[i] != ' ' {
			all[n] = meaning[table[i]]
			n++
		}
	}
	return all
}

// constant is true for the opcodes of the second map that end in a constant byte also where a VEX or EVEX prefix is before them.
func constant(opcode byte) bool {
	return opcode >= 0x70 && opcode <= 0x73 || opcode == 0xc2 || opcode >= 0xc4 && opcode <= 0xc6
}

// x86 decodes the instruction that code begins with, of 64-bit mode. Its size is 0 where there is none.
func x86(code []byte, at uint64) instruction {
	if len(code) > longest {
		code = code[:longest]
	}
	var p prefixes
	n := p.read(code)
	if n >= len(code) {
		return instruction{}
	}
	var in instruction
	var what uint16
	opcode := code[n]
	n++
	switch {
	case opcode == 0x62 || opcode == 0xc4 || opcode == 0xc5 || opcode == 0x8f && n < len(code) && code[n]&0x1f >= 8:
		if p.rex {
			return instruction{}
		}
		var rest [4]byte // zeros after the end, where the size will be too large
		copy(rest[:], code[n:])
		var prefix int
		in.set, what, prefix = vector(opcode, rest)
		n += prefix
	case opcode == 0x0f:
		if n >= len(code) {
			return instruction{}
		}
		opcode = code[n]
		n++
		switch opcode {
		case 0x38, 0x3a:
			n++ // the third byte
			what = operands
			if opcode == 0x3a {
				what |= byte1
			}
		default:
			what = twoBytes[opcode]
			in.asks = opcode == 0xa2 || opcode == 0x01 && n < len(code) && code[n] == 0xd0 // CPUID, XGETBV
		}
	default:
		what = oneByte[opcode]
	}
	if what&invalid != 0 {
		return instruction{}
	}
	distance, absolute := -1, -1 // where in code a distance is, or an address of four bytes
	if what&operands != 0 {
		if n >= len(code) {
			return instruction{}
		}
		modrm := code[n]
		if what&test != 0 && modrm>>3&7 > 1 {
			what = operands
		}
		n++
		mod, rm := modrm>>6, modrm&7
		if mod != 3 && rm == 4 {
			if n >= len(code) {
				return instruction{}
			}
			sib := code[n]
			n++
			if mod == 0 && sib&7 == 5 {
				if sib == 0x25 {
					absolute = n
				}
				n += 4
			}
		}
		switch {
		case mod == 0 && rm == 5:
			distance = n
			n += 4
		case mod == 1:
			n++
		case mod == 2:
			n += 4
		}
	}
	if what&relative != 0 {
		distance = n
		n += 4
	}
	if what == byte8 && !p.wide || what == operands|byte4 && opcode == 0xc7 { // MOV of the address in a program that is not moved
		absolute = n
	}
	n += p.constants(what)
	if n > len(code) {
		return instruction{}
	}
	in.size = n
	if absolute >= 0 && absolute+4 <= n {
		in.refers = uint64(binary.LittleEndian.Uint32(code[absolute:]))
	}
	if distance >= 0 {
		in.refers = at + uint64(n) + uint64(int64(int32(binary.LittleEndian.Uint32(code[distance:]))))
	}
	return in
}

// longest is how many bytes an instruction has at most.
const longest = 15

// evex reports that these bytes can follow 62 in an EVEX prefix, of which two bits are fixed: Intel's manual, volume 2A, 2.7.1.
func evex(first, second byte) bool { return first&0x08 == 0 && second&0x04 != 0 }

// vector reads what follows the first byte of a VEX, EVEX or XOP prefix: what the instruction is of, what follows its opcode,
// and how many bytes lead there.
func vector(first byte, rest [4]byte) (set Set, what uint16, n int) {
	set, what = AVX, operands
	table := rest[0] & 0x1f
	var opcode byte
	switch first {
	case 0xc5:
		table, opcode, n = 1, rest[1], 2
	case 0x62:
		if !evex(rest[0], rest[1]) {
			return 0, invalid, 0
		}
		set, table, opcode, n = AVX512, rest[0]&7, rest[3], 4
	default:
		opcode, n = rest[2], 3
	}
	switch {
	case first == 0x8f && table == 8, first != 0x8f && table == 3:
		what |= byte1
	case first == 0x8f && table == 10:
		what |= byte4
	case first == 0x8f && table == 9:
	case first == 0x8f, table == 0, table == 4, table > 6:
		what = invalid
	case table == 1 && constant(opcode):
		what |= byte1
	case table == 1 && first != 0x62 && opcode == 0x77: // VZEROUPPER
		what = 0
	}
	return set, what, n
}

// prefixes are those before the opcode.
type prefixes struct{ operand, address, rex, wide bool }

func (p *prefixes) read(code []byte) int {
	for n, b := range code {
		switch b {
		case 0x66:
			p.operand = true
		case 0x67:
			p.address = true
		case 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65:
		default:
			if b>>4 == 4 { // counts only right before the opcode
				p.rex, p.wide = true, b&8 != 0
				if n+1 < len(code) && isPrefix(code[n+1]) {
					p.rex, p.wide = false, false
					continue
				}
				return n + 1
			}
			return n
		}
	}
	return len(code)
}

func isPrefix(b byte) bool {
	switch b {
	case 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65:
		return true
	}
	return b>>4 == 4
}

// constants is how many bytes follow the operands.
func (p *prefixes) constants(what uint16) int {
	n := 0
	if what&byte1 != 0 {
		n++
	}
	if what&byte2 != 0 {
		n += 2
	}
	switch {
	case what&byte8 != 0 && p.wide:
		n += 8
	case what&(byte4|byte8) == 0:
	case p.operand && !p.wide:
		n += 2
	default:
		n += 4
	}
	switch {
	case what&address8 == 0:
	case p.address:
		n += 4
	default:
		n += 8
	}
	return n
}
