package build

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"

	"lpipe/internal/disk"
	"lpipe/internal/project"
	"lpipe/internal/userkey"
)

// times are how long the rows of the display took when they were last shown, in seconds. They make an estimate of what is
// left, and nothing else depends on them: where they cannot be read or written there is none.
type times map[string]int

// maxTimes is the largest file of times, in bytes: thousands of lambdas fit.
const maxTimes = 1 << 20

// timesFile is where the times of these projects are kept, "" for nowhere.
func timesFile(env map[string]string, projects []*project.Project) string {
	dir, err := userkey.Folder(env)
	if err != nil {
		return ""
	}
	sum := sha256.New()
	for _, p := range projects {
		sum.Write([]byte(p.Dir + "\x00"))
	}
	return filepath.Join(dir, "times", hex.EncodeToString(sum.Sum(nil)[:16])+".json")
}

func readTimes(file string) (t times) {
	if file == "" {
		return nil
	}
	data, err := disk.ReadFile(file, maxTimes)
	if err != nil || json.Unmarshal(data, &t) != nil {
		return nil
	}
	return t
}

// write keeps the times together with those of what was not done this time.
func (t times) write(file string) {
	if len(t) == 0 || file == "" {
		return
	}
	all := times{}
	maps.Copy(all, readTimes(file))
	maps.Copy(all, t)
	data, err := json.Marshal(all)
	if err != nil || len(data) > maxTimes || os.MkdirAll(filepath.Dir(file), 0o700) != nil {
		return
	}
	replace(file, data)
}
