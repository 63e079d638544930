package ops

import (
	"runtime"
	"runtime/debug"
)

// version may be set when linking: -ldflags "-X accessrelay/internal/ops.version=1.2.3".
var version string

// Build says what is running.
type Build struct {
	Version   string // dev when nobody said
	Revision  string // of the source; unknown when it was not built from a repository
	GoVersion string
}

// ThisBuild describes the running program.
func ThisBuild() Build {
	b := Build{Version: version, Revision: "unknown", GoVersion: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if ok {
		if v := info.Main.Version; b.Version == "" && v != "(devel)" {
			b.Version = v
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Revision = s.Value
			}
		}
	}
	if b.Version == "" {
		b.Version = "dev"
	}
	return b
}

// String is the line that --version prints, without the program's name.
func (b Build) String() string {
	return b.Version + " (revision " + b.Revision + ", " + b.GoVersion + ")"
}
