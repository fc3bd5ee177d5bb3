package opcode

// arm64 tells of a word of A64 what it is. The groups are those of the table "A64 instruction set encoding" of the Arm
// Architecture Reference Manual, DDI 0487, C4.1: bits 28 to 25, and bit 31 with 0000 for SME.
func arm64(word uint32, at uint64) instruction {
	in := instruction{size: 4}
	switch {
	case word&0x1e000000 == 0x04000000, word&0x9e000000 == 0x80000000:
		in.set = SVE
	case word&0x7c000000 == 0x14000000: // B and BL
		in.refers = at + uint64(int64(int32(word<<6))>>6<<2)
	case word&0x9f000000 == 0x10000000: // ADR
		in.refers = at + uint64(int64(int32(word<<8)>>13<<2|int32(word>>29&3)))
	}
	return in
}
