package dashboard

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"regexp"
	"strings"
)

// page is asynqmon's one HTML page.
type page struct {
	original []byte
	html     []byte // without what it would load from other sites
	policy   string // the Content-Security-Policy that it works under
}

var (
	// foreignLinks are Google's fonts: the page falls back on the system's. The
	// icon font is not used by it at all; its icons are SVG.
	foreignLinks = regexp.MustCompile(`<link [^>]*href="(?:https?:)?//[^>]*>`)
	// manifestLink: browsers fetch it without credentials and would get 401.
	manifestLink = regexp.MustCompile(`<link rel="manifest"[^>]*>`)
	inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)
)

// capturePage reads the page out of asynqmon once. Its inline scripts are
// allowed by their hashes, so that no other inline script ever runs.
func capturePage(mon http.Handler, root string) (page, error) {
	req, err := http.NewRequest(http.MethodGet, root+"/", http.NoBody) //nolint:noctx // served in memory
	if err != nil {
		return page{}, err
	}
	rec := recorder{header: http.Header{}, status: http.StatusOK}
	mon.ServeHTTP(&rec, req)
	original := rec.body.Bytes()
	scripts := inlineScript.FindAllSubmatch(original, -1)
	if rec.status != http.StatusOK || len(scripts) == 0 {
		return page{}, errors.New("dashboard: asynqmon serves no page that can be read")
	}
	allowed := make([]string, 0, len(scripts))
	for _, s := range scripts {
		sum := sha256.Sum256(s[1])
		allowed = append(allowed, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	return page{
		original: original,
		html:     manifestLink.ReplaceAll(foreignLinks.ReplaceAll(original, nil), nil),
		// The user interface writes its styles into the page as it runs, so
		// style needs unsafe-inline; script does not.
		policy: "default-src 'none'; script-src 'self' " + strings.Join(allowed, " ") +
			"; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'" +
			"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}, nil
}
