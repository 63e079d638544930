package e2e

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browsers are the names under which one may be on PATH; Debian's is the first.
var browsers = []string{"chromium", "chromium-browser", "google-chrome"}

func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("none of %v is on PATH: `make browser` installs Debian's", browsers)
	return ""
}

// tab is a page in a real browser, and what it asked for and complained about.
type tab struct {
	t    *testing.T
	ctx  context.Context
	host string // of the page

	mu       sync.Mutex
	asked    []string // URLs
	problems []string
}

// openTab starts a browser with one window of that size and goes to a page.
func openTab(t *testing.T, page string, width, height int64) *tab {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(findBrowser(t)),
		// Whatever a page tries, nothing leaves the machine: no name is resolved.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("lang", "en-US"),
		chromedp.Env("TZ=UTC"),
	)
	if os.Getuid() == 0 {
		// The browser's own sandbox refuses to start as root, which containers of CI
		// are. What is opened is our page on loopback.
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancelTab := chromedp.NewContext(ctx)
	ctx, cancelTime := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("closing the browser: %v", err)
		}
		cancelTime()
		cancelTab()
		cancelAllocator()
	})
	u, err := url.Parse(page)
	if err != nil {
		t.Fatalf("the page's address: %v", err)
	}
	b := &tab{t: t, ctx: ctx, host: u.Host}
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	b.resize(width, height)
	b.do("opening the page", chromedp.Navigate(page))
	return b
}

// note keeps what a page of ours must not cause.
func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	case *network.EventWebSocketCreated:
		b.asked = append(b.asked, e.URL)
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.problems = append(b.problems, fmt.Sprintf("console.%s", e.Type))
	case *log.EventEntryAdded: // what the browser itself says, such as of a policy that was violated
		b.problems = append(b.problems, fmt.Sprintf("%s: %s", e.Entry.Level, e.Entry.Text))
	}
}

func (b *tab) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.problems)
}

// stayed checks that every request went to the page's own server, and that there is
// no other tab.
func (b *tab) stayed() {
	b.t.Helper()
	b.mu.Lock()
	asked := slices.Clone(b.asked)
	b.mu.Unlock()
	if len(asked) < 4 {
		b.t.Errorf("only %v were asked for: the requests are not seen", asked)
	}
	blocked := func(raw string) bool { // by the policy: told of, never sent
		return slices.ContainsFunc(b.complaints(), func(p string) bool { return strings.Contains(p, "violates") && strings.Contains(p, raw) })
	}
	for _, raw := range asked {
		if u, err := url.Parse(raw); (err != nil || u.Host != b.host && u.Scheme != "data") && !blocked(raw) {
			b.t.Errorf("the page asked for %s", raw)
		}
	}
	targets, err := chromedp.Targets(b.ctx)
	if err != nil {
		b.t.Fatalf("asking for the tabs: %v", err)
	}
	pages := 0
	for _, target := range targets {
		if target.Type == "page" {
			pages++
		}
	}
	if pages != 1 {
		b.t.Errorf("there are %d tabs", pages)
	}
}

// quiet is stayed, and that the browser had nothing to complain about.
func (b *tab) quiet() {
	b.t.Helper()
	b.stayed()
	for _, p := range b.complaints() {
		b.t.Errorf("the browser says: %s", p)
	}
}

func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// eval runs JavaScript in the page; a promise is waited for.
func eval[T any](b *tab, js string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// await waits until an expression is true.
func (b *tab) await(js string) {
	b.t.Helper()
	eventually(b.t, soon, js, func() bool { return eval[bool](b, "Boolean("+js+")") })
}

// sees waits until an element is visible and shows words.
func (b *tab) sees(selector, words string) {
	b.t.Helper()
	b.await(fmt.Sprintf(`(() => { const e = document.querySelector(%q); return e?.checkVisibility() && e.innerText.includes(%q); })()`, selector, words))
}

// unseen waits until an element is visible and does not show words.
func (b *tab) unseen(selector, words string) {
	b.t.Helper()
	b.await(fmt.Sprintf(`(() => { const e = document.querySelector(%q); return e?.checkVisibility() && !e.innerText.includes(%q); })()`, selector, words))
}

// hidden waits until an element cannot be seen: it has no box, or something else
// is in front of its middle.
func (b *tab) hidden(selector string) {
	b.t.Helper()
	b.await(fmt.Sprintf(`(() => {
		const e = document.querySelector(%q), r = e.getBoundingClientRect();
		return !e.checkVisibility({contentVisibilityAuto: true}) || !e.contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2));
	})()`, selector))
}

// click clicks with the mouse, where the element is and nothing is in front of it.
func (b *tab) click(selector string) {
	b.t.Helper()
	at := eval[[]float64](b, fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		if (!e.checkVisibility() || e.getBoundingClientRect().bottom > innerHeight || e.getBoundingClientRect().top < 100) e.scrollIntoView({block: 'center'});
		const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
		return e.contains(document.elementFromPoint(x, y)) ? [x, y] : [];
	})()`, selector))
	if len(at) != 2 {
		b.t.Fatalf("%s cannot be clicked on: something is in front of it", selector)
	}
	b.do("clicking on "+selector, chromedp.MouseClickXY(at[0], at[1]))
}

// clickInside clicks on an element in a mail's frame.
func (b *tab) clickInside(message, selector string) {
	b.t.Helper()
	at := eval[[]float64](b, fmt.Sprintf(`(() => {
		const frame = document.querySelector(%q), e = frame.contentDocument.querySelector(%q);
		e.scrollIntoView({block: 'center'});
		const outer = frame.getBoundingClientRect(), r = e.getClientRects()[0];
		return [outer.x + frame.clientLeft + r.x + r.width / 2, outer.y + frame.clientTop + r.y + r.height / 2];
	})()`, message+" iframe.mail", selector))
	b.do("clicking on "+selector, chromedp.MouseClickXY(at[0], at[1]))
}

func (b *tab) resize(width, height int64) {
	b.t.Helper()
	b.do("resizing the window", chromedp.EmulateViewport(width, height))
}

// picture is what the window shows, as a PNG.
func (b *tab) picture() []byte {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatalf("taking a screenshot: %v", err)
	}
	if len(png) < 5000 {
		b.t.Errorf("a screenshot has %d bytes: there is nothing on it", len(png))
	}
	return png
}

// shrink gives a PNG the 256 colours that most of it has, and at least one of every hue.
// Of a page of text that leaves all but the shades of its pictures, in a third of the bytes.
func shrink(t *testing.T, raw []byte) []byte {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("reading a screenshot: %v", err)
	}
	count, size := map[color.Color]int{}, img.Bounds()
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			count[img.At(x, y)]++
		}
	}
	shades := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return count[b] - count[a] })
	var palette color.Palette
	hues := map[[3]uint32]bool{}
	for _, rare := range []bool{true, false} {
		for _, c := range shades {
			const few = 128 // places for the hues that there is little of
			r, g, b, _ := c.RGBA()
			hue := [3]uint32{r >> 13, g >> 13, b >> 13}
			if rare && len(palette) < few && !hues[hue] || !rare && len(palette) < 256 && !slices.Contains(palette, c) {
				palette, hues[hue] = append(palette, c), true
			}
		}
	}
	index := map[color.Color]uint8{}
	for _, c := range shades {
		index[c] = uint8(palette.Index(c))
	}
	out := image.NewPaletted(size, palette)
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			out.SetColorIndex(x, y, index[img.At(x, y)])
		}
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, out); err != nil {
		t.Fatalf("writing a screenshot: %v", err)
	}
	return b.Bytes()
}
