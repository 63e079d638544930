package webhook

import (
	"mime"
	"strings"

	"accessrelay/internal/channel"
	"accessrelay/internal/handlebars"
	"accessrelay/internal/secret"
)

const (
	defaultContentType = "application/json"
	maxContentType     = 256
)

// template reads body_template and content_type, of which the second decides
// what the first is escaped for.
func (c *Config) template(o *channel.Object) {
	c.ContentType = defaultContentType
	given := o.Has("content_type")
	s, ok := o.Text("content_type")
	as, problem := handlebars.JSON, ""
	switch {
	case given && !ok:
		problem = "is noted already"
	case ok:
		if as, problem = dialect(s); problem != "" {
			o.Fail("content_type", problem)
		}
		c.ContentType = s
	}
	text, has := o.Text("body_template")
	switch {
	case problem != "":
		return // what the template should be checked for is not known
	case !has && as != handlebars.JSON:
		o.Fail("content_type", "must be JSON without a body_template: that is what the relay's own body is")
		return
	case !has:
		return
	}
	body, err := handlebars.Parse(text, as)
	if err != nil {
		o.Fail("body_template", err.Error())
	}
	c.Body, c.BodyTemplate = body, secret.New(text)
}

// dialect is what a body of contentType is escaped for, or what is wrong with it.
// A type whose rules nobody here knows is refused: an event's text could then
// become more than text.
func dialect(contentType string) (as handlebars.Dialect, problem string) {
	const known = "must be application/json, …+json, text/plain, text/html, application/xml, …+xml or application/x-www-form-urlencoded: what event text is escaped for"
	if len(contentType) > maxContentType || !validValue(contentType) || strings.ContainsFunc(contentType, func(r rune) bool { return r > '~' || r == '\t' }) {
		return 0, "must be a media type such as application/json, without line breaks and control characters"
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.Contains(media, "/") {
		return 0, "must be a media type such as application/json"
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return 0, "must have the charset utf-8, or none: no other is written"
	}
	switch {
	case media == "application/json", media == "text/json", strings.HasSuffix(media, "+json"):
		return handlebars.JSON, ""
	case media == "text/plain":
		return handlebars.Text, ""
	case media == "text/html", media == "application/xml", media == "text/xml", strings.HasSuffix(media, "+xml"):
		return handlebars.HTML, ""
	case media == "application/x-www-form-urlencoded":
		return handlebars.Form, ""
	}
	return 0, known
}
