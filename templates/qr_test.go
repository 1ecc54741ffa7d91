package templates

import (
	"fmt"
	"strings"
	"testing"

	"rsc.io/qr"
)

// The path draws the dark modules of the code, and none besides.
func TestQRPathDrawsTheCode(t *testing.T) {
	code, err := qr.Encode(storyURI, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := NewQR(storyURI)
	if err != nil {
		t.Fatal(err)
	}
	if drawn.Size != code.Size+2*quiet {
		t.Errorf("size %d, want %d and the quiet zone", drawn.Size, code.Size)
	}
	dark := map[[2]int]bool{}
	for line := range strings.SplitSeq(strings.TrimPrefix(drawn.Path, "M"), "M") {
		var x, y, run int
		if _, err := fmt.Sscanf(line, "%d %d.5h%d", &x, &y, &run); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		for i := range run {
			dark[[2]int{x + i, y}] = true
		}
	}
	for y := range drawn.Size {
		for x := range drawn.Size {
			if want := code.Black(x-quiet, y-quiet); dark[[2]int{x, y}] != want {
				t.Fatalf("module %d,%d is dark: %t, want %t", x, y, !want, want)
			}
		}
	}
}

func TestQRRefusesWhatNoPhoneReads(t *testing.T) {
	if q, err := NewQR(strings.Repeat("a", mostQRText+1)); err == nil || q != (QR{}) {
		t.Errorf("got %d modules", q.Size)
	}
}
