package templates

import (
	"fmt"
	"strings"
)

// QR is a QR code as a page draws it: a square of Size modules, the quiet zone
// included, and its dark modules as the data of one SVG path, to be stroked one
// module wide. The zero QR is none.
type QR struct {
	Size int
	Path string
}

// quiet is the margin that scanners need, in modules.
const quiet = 4

// NewQR encodes the text (ISO/IEC 18004, byte mode, error correction level M),
// in the smallest version that holds it. It refuses what no version up to 20
// holds: more than 666 bytes would be too fine for a phone held at a screen.
func NewQR(text string) (QR, error) {
	for version := 1; version < len(qrBlocks); version++ {
		if len(text) <= qrCapacity(version) {
			s := newSymbol(version)
			s.place(qrCodewords(text, version))
			s.mask()
			return QR{Size: s.size + 2*quiet, Path: s.path()}, nil
		}
	}
	return QR{}, fmt.Errorf("templates: %d bytes do not fit a QR code", len(text))
}

// qrBlocks says for each version how the codewords of level M are divided:
// into how many blocks, and how many codewords of each correct errors.
var qrBlocks = [...]struct{ count, correcting int }{
	{}, {1, 10}, {1, 16}, {1, 26}, {2, 18}, {2, 24}, {4, 16}, {4, 18}, {4, 22}, {5, 22}, {5, 26},
	{5, 30}, {8, 22}, {9, 22}, {9, 24}, {10, 24}, {10, 28}, {11, 28}, {13, 26}, {14, 26}, {16, 26},
}

// qrTotal is how many codewords a version has: the modules that are not spent
// on patterns, in bytes.
func qrTotal(version int) int {
	modules := (16*version+128)*version + 64
	if version >= 2 {
		n := version/7 + 2 // alignment patterns along one side
		modules -= (25*n-10)*n - 55
	}
	if version >= 7 {
		modules -= 36 // the version itself
	}
	return modules / 8
}

// qrCapacity is how many bytes of text a version holds.
func qrCapacity(version int) int {
	blocks := qrBlocks[version]
	return qrTotal(version) - blocks.count*blocks.correcting - 1 - qrLengthBytes(version)
}

// qrLengthBytes is the size of the text's length. Mode and terminator, four bits
// each, make up the one byte more that everything is shifted by.
func qrLengthBytes(version int) int {
	if version < 10 {
		return 1
	}
	return 2
}

// qrCodewords is the text as data codewords with their correction, interleaved.
func qrCodewords(text string, version int) []byte {
	blocks, total := qrBlocks[version], qrTotal(version)
	data := qrData(text, version, total-blocks.count*blocks.correcting)
	// The later blocks have one codeword more than the first ones.
	short, longer := len(data)/blocks.count, len(data)%blocks.count
	divisor := rsDivisor(blocks.correcting)
	var parts, corrections [][]byte
	for i := range blocks.count {
		n := short
		if i >= blocks.count-longer {
			n++
		}
		parts, corrections = append(parts, data[:n]), append(corrections, rsRemainder(data[:n], divisor))
		data = data[n:]
	}
	return append(interleave(parts, short+1), interleave(corrections, blocks.correcting)...)
}

// qrData is mode, length, text, terminator and padding.
func qrData(text string, version, size int) []byte {
	raw := []byte(text)
	if qrLengthBytes(version) == 2 {
		raw = append([]byte{byte(len(text) >> 8), byte(len(text))}, raw...)
	} else {
		raw = append([]byte{byte(len(text))}, raw...)
	}
	const byteMode = 0b0100
	data := make([]byte, 0, size)
	carry := byte(byteMode)
	for _, b := range raw { // shifted by the four bits of the mode
		data = append(data, carry<<4|b>>4)
		carry = b & 0xf
	}
	data = append(data, carry<<4)
	for pad := byte(0xec); len(data) < size; pad ^= 0xec ^ 0x11 {
		data = append(data, pad)
	}
	return data
}

func interleave(parts [][]byte, longest int) []byte {
	var all []byte
	for i := range longest {
		for _, part := range parts {
			if i < len(part) {
				all = append(all, part[i])
			}
		}
	}
	return all
}

// rsDivisor is the Reed-Solomon generator polynomial of the degree, highest
// power first, its leading 1 left out.
func rsDivisor(degree int) []byte {
	d := make([]byte, degree)
	d[degree-1] = 1
	for root := byte(1); degree > 0; degree-- {
		for j := range d {
			d[j] = gfMultiply(d[j], root)
			if j+1 < len(d) {
				d[j] ^= d[j+1]
			}
		}
		root = gfMultiply(root, 2)
	}
	return d
}

func rsRemainder(data, divisor []byte) []byte {
	remainder := make([]byte, len(divisor))
	for _, b := range data {
		factor := b ^ remainder[0]
		copy(remainder, remainder[1:])
		remainder[len(remainder)-1] = 0
		for i, d := range divisor {
			remainder[i] ^= gfMultiply(d, factor)
		}
	}
	return remainder
}

// gfMultiply multiplies in the field of 256 elements with the polynomial 0x11d.
func gfMultiply(x, y byte) byte {
	z := 0
	for i := 7; i >= 0; i-- {
		z = z<<1 ^ (z>>7)*0x11d
		z ^= int(y>>i&1) * int(x)
	}
	return byte(z)
}

// path draws each row as a line with gaps, so that a code is two kilobytes of
// HTML and not twenty.
func (s *symbol) path() string {
	var b strings.Builder
	for y, row := range s.dark {
		fmt.Fprintf(&b, "M%d %d.5", quiet, y+quiet)
		for x := 0; x < s.size; {
			end := x
			for end < s.size && row[end] == row[x] {
				end++
			}
			switch {
			case row[x]:
				fmt.Fprintf(&b, "h%d", end-x)
			case end < s.size:
				fmt.Fprintf(&b, "m%d 0", end-x)
			}
			x = end
		}
	}
	return b.String()
}
