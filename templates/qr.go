package templates

import (
	"fmt"
	"strings"

	"rsc.io/qr"
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

// mostQRText bounds the text: a finer code than that of a version 20 is too fine
// for a phone held at a screen.
const mostQRText = 666

// NewQR encodes the text at error correction level M.
func NewQR(text string) (QR, error) {
	if len(text) > mostQRText {
		return QR{}, fmt.Errorf("templates: %d bytes are too many for a QR code", len(text))
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return QR{}, fmt.Errorf("templates: QR code: %w", err)
	}
	return QR{Size: code.Size + 2*quiet, Path: strokes(code)}, nil
}

// strokes draws each run of dark modules in a row as one line.
func strokes(code *qr.Code) string {
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			start := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > start {
				fmt.Fprintf(&path, "M%d %d.5h%d", start+quiet, y+quiet, x-start)
			}
		}
	}
	return path.String()
}
