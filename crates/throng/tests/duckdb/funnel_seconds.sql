-- Where nothing is excluded, a chain from a given beginning takes each step at its earliest.
WITH RECURSIVE chain AS (
    SELECT a.case_id, a.profile, a.journey, a.n_reached, p.at_us AS first_us, 0::BIGINT AS step, p.pos, p.at_us, NULL::BIGINT AS gap_us
    FROM attempt a JOIN funnel o USING (case_id)
         JOIN place p ON p.case_id = a.case_id AND p.profile = a.profile AND p.journey = a.journey AND p.pos = a.first_pos
    WHERE o.entries = 'once' AND o.step_order <> 'any' AND NOT EXISTS (FROM exclusion x WHERE x.case_id = a.case_id)
    UNION ALL
    SELECT c.case_id, c.profile, c.journey, c.n_reached, c.first_us, c.step + 1, min(f.pos), arg_min(f.at_us, f.pos), arg_min(f.at_us, f.pos) - c.at_us
    FROM chain c JOIN fit f ON f.case_id = c.case_id AND f.profile = c.profile AND f.journey = c.journey
                           AND f.step = c.step + 1 AND f.pos > c.pos
    WHERE c.step + 1 < c.n_reached
    GROUP BY c.case_id, c.profile, c.journey, c.n_reached, c.first_us, c.step, c.at_us
)
SELECT case_id, step, median(gap_us) / 1e6,
       (list(gap_us ORDER BY gap_us))[(count(*) * 90 + 99) // 100] / 1e6
FROM chain WHERE step > 0 GROUP BY ALL
