package archive

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// planner decides what to merge of one class document on one day.
type planner struct {
	unit    unit
	class   Class
	now     time.Time
	arrived map[string]time.Time // by block of a segment: when its newest record came
	files   []*File              // live
}

// arrived returns when the newest record of each block of a segment came in.
func (c *catalog) arrived() map[string]time.Time {
	m := make(map[string]time.Time)
	for _, commit := range c.plain {
		for i := range commit.Files {
			m[commit.Files[i].Key] = commit.Arrived
		}
	}
	return m
}

// known returns the commits by key, for the next load.
func (c *catalog) known() map[string]*Commit {
	m := make(map[string]*Commit, len(c.plain))
	for k, commit := range c.plain {
		m[k] = commit
	}
	for _, chain := range c.chains {
		for _, g := range chain {
			if g.commit != nil {
				m[g.key] = g.commit
			}
		}
	}
	return m
}

// next returns the first merge that is worth it.
func (p *planner) next() (*job, error) {
	end, err := p.unit.end()
	if err != nil {
		return nil, err
	}
	if p.class.ended(dayOf(end.UnixNano())-1, p.now) {
		return nil, nil // the sweeper's
	}
	small := p.small()
	if p.now.Before(end.Add(lateness)) {
		return p.underWay(small), nil
	}
	return p.over(small), nil
}

func (p *planner) job(inputs []*File, level int) *job {
	return &job{unit: p.unit, inputs: inputs, level: level}
}

// small returns the blocks below the last level, the smallest first.
func (p *planner) small() []*File {
	var small []*File
	for _, f := range p.files {
		if f.Level < lastLevel {
			small = append(small, f)
		}
	}
	slices.SortFunc(small, func(a, b *File) int {
		return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(a.Size, b.Size), strings.Compare(a.Key, b.Key))
	})
	return small
}

// underWay merges blocks of segments when there are many or one waits for an hour, and merged ones when there are many.
func (p *planner) underWay(small []*File) *job {
	segments := slices.IndexFunc(small, func(f *File) bool { return f.Level > 0 })
	if segments < 0 {
		segments = len(small)
	}
	if segments >= smallBlocks || segments > 1 && p.waits(small[:segments], smallWait) {
		return p.job(small[:min(segments, mergeInputs)], 1)
	}
	if merged := small[segments:]; len(merged) >= smallBlocks {
		return p.job(merged[:smallBlocks], 1)
	}
	return nil
}

// over merges all of a day that is over, and what comes late: into the day where it is much of it, else beside it.
func (p *planner) over(small []*File) *job {
	if len(small) == 0 {
		return nil
	}
	if len(small) > mergeInputs {
		return p.job(small[:mergeInputs], 1)
	}
	last, late := p.lastRows(), int64(0)
	for _, f := range small {
		late += f.Rows
	}
	locked := p.class.Lock != LockNone
	switch {
	case last == 0, locked && p.waits(small, lateWait):
		return p.job(small, lastLevel)
	case !locked && late*lateShare >= last:
		return p.job(p.files, lastLevel)
	case len(small) > 1 && (len(small) >= smallBlocks || small[0].Level == 0 && p.waits(small, smallWait)),
		len(small) == 1 && small[0].Level == 0 && p.waits(small, smallWait):
		return p.job(small, 1)
	}
	return nil
}

func (p *planner) lastRows() (n int64) {
	for _, f := range p.files {
		if f.Level == lastLevel {
			n += f.Rows
		}
	}
	return n
}

// waits reports whether any of the blocks is older than that.
func (p *planner) waits(files []*File, longer time.Duration) bool {
	return slices.ContainsFunc(files, func(f *File) bool {
		at := f.Written
		if f.Level == 0 {
			at = p.arrived[f.Key]
		}
		return !at.Add(longer).After(p.now)
	})
}
