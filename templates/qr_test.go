package templates

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestQRCapacity holds the arithmetic against the standard's table of how many
// bytes each version takes at level M.
func TestQRCapacity(t *testing.T) {
	var got []int
	for version := 1; version < len(qrBlocks); version++ {
		got = append(got, qrCapacity(version))
	}
	want := []int{14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560, 624, 666}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestQRGolden draws codes that scanners of others were seen to read: with and
// without a version of its own, with equal and with unequal blocks.
func TestQRGolden(t *testing.T) {
	for name, text := range map[string]string{
		"short": "otpauth://totp/", "usual": storyURI, "long": storyURI + "&image=" + strings.Repeat("https://example.com/", 8),
	} {
		q, err := NewQR(text)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", "qr-"+name+".txt")
		got := drawn(t, q)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// drawn follows the path as a browser does.
func drawn(t *testing.T, q QR) string {
	t.Helper()
	var b strings.Builder
	rows := grid(q.Size)
	for line := range strings.SplitSeq(strings.TrimPrefix(q.Path, "M"), "M") {
		var x, y int
		if _, err := fmt.Sscanf(line, "%d %d.5", &x, &y); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		_, moves, _ := strings.Cut(line, ".5")
		for move := range strings.SplitSeq(strings.ReplaceAll(strings.ReplaceAll(moves, "h", ",h"), "m", ",m")[1:], ",") {
			var n int
			if _, err := fmt.Sscanf(move[1:], "%d", &n); err != nil {
				t.Fatalf("%q: %v", move, err)
			}
			for range n {
				rows[y][x] = move[0] == 'h'
				x++
			}
		}
	}
	for _, row := range rows {
		for _, dark := range row {
			b.WriteString(map[bool]string{true: "██", false: "  "}[dark])
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestQRCorrection: a block with its correction, read as a polynomial, is zero
// at every root of the generator; that is what lets a scanner mend it.
func TestQRCorrection(t *testing.T) {
	for _, blocks := range qrBlocks[1:] {
		data := []byte(storyURI)
		block := append(data, rsRemainder(data, rsDivisor(blocks.correcting))...)
		root := byte(1)
		for range blocks.correcting {
			value := byte(0)
			for _, b := range block {
				value = gfMultiply(value, root) ^ b
			}
			if value != 0 {
				t.Errorf("%d correcting codewords: not zero at %d", blocks.correcting, root)
			}
			root = gfMultiply(root, 2)
		}
	}
}

func TestQRRefuses(t *testing.T) {
	if q, err := NewQR(strings.Repeat("x", 666)); err != nil || q.Size != 4*20+17+2*quiet {
		t.Errorf("666 bytes: size %d, %v", q.Size, err)
	}
	if q, err := NewQR(strings.Repeat("x", 667)); err == nil || q != (QR{}) {
		t.Errorf("667 bytes: %+v", q)
	}
}

// FuzzQR: any text is either drawn or refused.
func FuzzQR(f *testing.F) {
	f.Add("")
	f.Add(storyURI)
	f.Fuzz(func(t *testing.T, text string) {
		if q, err := NewQR(text); (err == nil) != (len(text) <= 666) || (err == nil && !strings.HasPrefix(q.Path, "M4 4.5h7")) {
			t.Errorf("%d bytes: %+v, %v", len(text), q, err)
		}
	})
}
