package templates

// symbol is the square of a QR code while it is drawn.
type symbol struct {
	version, size int
	dark          [][]bool
	fixed         [][]bool // part of a pattern: carries no data and is not masked
}

// newSymbol draws the patterns by which a scanner finds its way.
func newSymbol(version int) *symbol {
	s := &symbol{version: version, size: 4*version + 17}
	s.dark, s.fixed = grid(s.size), grid(s.size)
	for i := range s.size {
		s.fix(6, i, i%2 == 0)
		s.fix(i, 6, i%2 == 0)
	}
	for _, corner := range [][2]int{{3, 3}, {s.size - 4, 3}, {3, s.size - 4}} {
		s.finder(corner[0], corner[1])
	}
	at := alignments(version)
	for i, x := range at {
		for j, y := range at {
			last := len(at) - 1
			if (i == 0 && (j == 0 || j == last)) || (i == last && j == 0) {
				continue // a finder is there
			}
			s.rings(x, y, 2)
		}
	}
	s.format(0) // keeps the place; the mask fills it in
	s.writeVersion()
	return s
}

func grid(size int) [][]bool {
	rows := make([][]bool, size)
	for i := range rows {
		rows[i] = make([]bool, size)
	}
	return rows
}

// fix sets a module of a pattern. What lies outside is left out.
func (s *symbol) fix(x, y int, dark bool) {
	if x >= 0 && x < s.size && y >= 0 && y < s.size {
		s.dark[y][x], s.fixed[y][x] = dark, true
	}
}

// finder is one of the three eyes, with its light border.
func (s *symbol) finder(x, y int) { s.rings(x, y, 4) }

// rings draws concentric squares: the even ones dark but the second, which is
// the gap around the core of an eye, and the fourth, which is its border.
func (s *symbol) rings(x, y, radius int) {
	for dy := -radius; dy <= radius; dy++ {
		for dx := -radius; dx <= radius; dx++ {
			ring := max(dx, -dx, dy, -dy)
			dark := ring != 2 && ring != 4
			if radius == 2 { // an alignment pattern: dot, gap, frame
				dark = ring != 1
			}
			s.fix(x+dx, y+dy, dark)
		}
	}
}

// alignments are the coordinates at which the small squares stand.
func alignments(version int) []int {
	if version == 1 {
		return nil
	}
	n := version/7 + 2
	step := (version*4 + n*2 + 1) / (n*2 - 2) * 2
	at := make([]int, n)
	at[0] = 6
	for i := n - 1; i > 0; i-- {
		at[i] = 4*version + 10 - (n-1-i)*step
	}
	return at
}

// format writes error correction level (M is 0) and mask, twice, with their own
// correction code.
func (s *symbol) format(mask int) {
	rest := mask
	for range 10 {
		rest = rest<<1 ^ (rest>>9)*0x537
	}
	bits := (mask<<10 | rest) ^ 0x5412
	bit := func(i int) bool { return bits>>i&1 == 1 }
	for i := range 15 {
		switch { // down and to the left of the first eye
		case i < 6:
			s.fix(8, i, bit(i))
		case i < 8:
			s.fix(8, i+1, bit(i))
		case i == 8:
			s.fix(7, 8, bit(i))
		default:
			s.fix(14-i, 8, bit(i))
		}
		if i < 8 { // and divided between the other two
			s.fix(s.size-1-i, 8, bit(i))
		} else {
			s.fix(8, s.size-15+i, bit(i))
		}
	}
	s.fix(8, s.size-8, true)
}

// writeVersion writes the number of the version, twice, where there is one.
func (s *symbol) writeVersion() {
	if s.version < 7 {
		return
	}
	rest := s.version
	for range 12 {
		rest = rest<<1 ^ (rest>>11)*0x1f25
	}
	bits := s.version<<12 | rest
	for i := range 18 {
		a, b := s.size-11+i%3, i/3
		s.fix(a, b, bits>>i&1 == 1)
		s.fix(b, a, bits>>i&1 == 1)
	}
}

// place lays the codewords down in columns of two, up and down in turn from the
// right, around the patterns.
func (s *symbol) place(data []byte) {
	i := 0
	for right := s.size - 1; right > 0; right -= 2 {
		if right == 6 {
			right-- // the timing pattern has this column to itself
		}
		upward := (right+1)&2 == 0
		for step := range s.size {
			y := step
			if upward {
				y = s.size - 1 - step
			}
			for _, x := range [2]int{right, right - 1} {
				if !s.fixed[y][x] && i < 8*len(data) {
					s.dark[y][x] = data[i/8]>>(7-i%8)&1 == 1
					i++
				}
			}
		}
	}
}

// masks are the eight patterns with which data can be inverted.
var masks = [8]func(x, y int) bool{
	func(x, y int) bool { return (x+y)%2 == 0 },
	func(_, y int) bool { return y%2 == 0 },
	func(x, _ int) bool { return x%3 == 0 },
	func(x, y int) bool { return (x+y)%3 == 0 },
	func(x, y int) bool { return (x/3+y/2)%2 == 0 },
	func(x, y int) bool { return x*y%2+x*y%3 == 0 },
	func(x, y int) bool { return (x*y%2+x*y%3)%2 == 0 },
	func(x, y int) bool { return ((x+y)%2+x*y%3)%2 == 0 },
}

// mask applies the pattern after which the code is easiest to scan.
func (s *symbol) mask() {
	best, least := 0, 0
	for i := range masks {
		s.invert(i)
		s.format(i)
		if p := s.penalty(); i == 0 || p < least {
			best, least = i, p
		}
		s.invert(i) // twice is not at all
	}
	s.invert(best)
	s.format(best)
}

func (s *symbol) invert(mask int) {
	for y, row := range s.dark {
		for x := range row {
			row[x] = row[x] != (masks[mask](x, y) && !s.fixed[y][x])
		}
	}
}

// penalty counts what confuses scanners, as the standard weighs it: long runs,
// blocks of one colour, what looks like an eye, and too much of one colour.
func (s *symbol) penalty() int {
	p, dark := 0, 0
	for y, row := range s.dark {
		column := make([]bool, s.size)
		for x := range column {
			column[x] = s.dark[x][y]
			if row[x] {
				dark++
			}
			if x > 0 && y > 0 && row[x] == row[x-1] && row[x] == s.dark[y-1][x] && row[x] == s.dark[y-1][x-1] {
				p += 3
			}
		}
		p += linePenalty(row) + linePenalty(column)
	}
	area := s.size * s.size
	return p + 10*(max(20*dark-10*area, 10*area-20*dark)/area)
}

// eye is how a finder pattern looks along its middle, with the light before it.
var eye = [11]bool{4: true, 6: true, 7: true, 8: true, 10: true}

func linePenalty(line []bool) int {
	p, run := 0, 0
	for i, dark := range line {
		if i > 0 && dark == line[i-1] {
			run++
		} else {
			run = 1
		}
		switch {
		case run == 5:
			p += 3
		case run > 5:
			p++
		}
		forward, backward := i+len(eye) <= len(line), i+len(eye) <= len(line)
		for j := 0; j < len(eye) && (forward || backward); j++ {
			forward = forward && line[i+j] == eye[j]
			backward = backward && line[i+j] == eye[len(eye)-1-j]
		}
		if forward || backward {
			p += 40
		}
	}
	return p
}
