package archive

import (
	"context"
	"fmt"
)

// holdOf returns a hold that may keep the block.
func (p *prover) holdOf(ctx context.Context, f *File, there bool) (string, error) {
	if !there {
		return p.holdOfGone(ctx, f)
	}
	for i := range p.holds {
		h := &p.holds[i]
		covered, err := h.covers(ctx, p.bucket, f)
		if err != nil {
			return "", fmt.Errorf("hold %s, block %s: %w", h.ID, f.Key, err)
		}
		if covered {
			return h.ID, nil
		}
	}
	return "", nil
}

// holdOfGone returns a hold that should have kept a block which is gone. The block's own indexes went with it: what its
// commit says settles holds of a period and rules out some tokens, and of the others nothing is known.
func (p *prover) holdOfGone(ctx context.Context, f *File) (string, error) {
	until, err := p.classes.until(ctx, f)
	if err != nil {
		return "", err
	}
	unknown := false
	for i := range p.holds {
		h := &p.holds[i]
		s := h.selection()
		switch {
		case !s.overlaps(f) || !h.Created.Before(until): // rightly swept before the hold
		case h.everything():
			return h.ID, nil
		case len(h.Owner) > 0 || len(h.Principal) > 0 || h.mayName(f):
			unknown = true
		}
	}
	if unknown {
		p.report.Unknown++
	}
	return "", nil
}

// mayName reports whether one of the hold's fingerprints lies between the block's lowest and highest.
func (h *Hold) mayName(f *File) bool {
	s := Selection{Fingerprints: h.Fingerprint}
	n := s.fingerprintNeedle(f)
	return n.inBounds(f.MinFingerprint, f.MaxFingerprint)
}
