package harness

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
)

// peakLine is the line of /proc/<pid>/status that holds the most resident memory since the last reset, in kB.
var peakLine = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// resetPeak is what proc(5) wants in clear_refs to make the peak the memory of now.
const resetPeak = "5"

// ResetPeak begins a new measurement of PeakMiB.
func (c *Collector) ResetPeak() {
	c.t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", c.Pid()), []byte(resetPeak), 0); err != nil {
		c.t.Fatal(err)
	}
}

// PeakMiB is the most memory the process held since ResetPeak, and before it held that of the start.
func (c *Collector) PeakMiB() int {
	c.t.Helper()
	mib, err := PeakMiB(c.Pid())
	if err != nil {
		c.t.Fatal(err)
	}
	return mib
}

// PeakMiB is the most resident memory of a process since it began or since its peak was reset.
func PeakMiB(pid int) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	m := peakLine.FindSubmatch(b)
	if m == nil {
		return 0, fmt.Errorf("no VmHWM in the status of process %d", pid)
	}
	kib, err := strconv.Atoi(string(m[1]))
	return kib >> 10, err
}
