package ingest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxShown bounds what the log shows of a text of the sender's, in bytes.
const maxShown = 100

// cut shortens s to what the log shows of it.
func cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	end := maxShown
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// quoted is s as a cause shows it. Headers are bytes, in which anything can stand.
func quoted(s string) string { return strconv.QuoteToASCII(cut(s)) }

// mediaSent says why [isJSON] is false: what came instead. Parameters are left out:
// they refuse nothing.
func mediaSent(h http.Header) error {
	types := h.Values("Content-Type")
	switch encodings := h.Values("Content-Encoding"); {
	case len(encodings) > 0:
		return errors.New("Content-Encoding " + quoted(encodings[0]))
	case len(types) == 0:
		return errors.New("no Content-Type")
	case len(types) > 1:
		return fmt.Errorf("%d headers Content-Type, the first %s", len(types), quoted(media(types[0])))
	default:
		return errors.New("Content-Type " + quoted(media(types[0])))
	}
}

func media(contentType string) string {
	name, _, _ := strings.Cut(contentType, ";")
	return strings.TrimSpace(name)
}
