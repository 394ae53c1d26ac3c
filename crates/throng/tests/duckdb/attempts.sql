-- The attempts at funnels. Tables given: funnel, funnel_step, exclusion.

-- Where attempts are made: along whole histories, or journey by journey.
CREATE TABLE place AS
SELECT case_id, profile, CASE WHEN by_journey THEN journey ELSE 1 END AS journey,
       CASE WHEN by_journey THEN k ELSE n END AS pos, at_us, label
FROM kept JOIN funnel USING (case_id);

CREATE TABLE fit AS SELECT place.*, step FROM place JOIN funnel_step USING (case_id, label);

-- After the last step nobody waits for anything.
CREATE TABLE barred AS
SELECT DISTINCT place.case_id, profile, journey, pos, coalesce(after_step, step) AS after_step
FROM place JOIN exclusion USING (case_id, label) JOIN funnel USING (case_id),
     LATERAL (SELECT unnest(range(n_steps - 1)) AS step)
WHERE funnel.step_order = 'any' OR coalesce(after_step, step) < n_steps - 1;

CREATE TABLE attempt AS
WITH RECURSIVE
-- In order: every place that any chain of steps from any beginning comes to.
reach AS (
    SELECT case_id, profile, journey, pos AS first_pos, at_us AS first_us, step, pos
    FROM fit JOIN funnel USING (case_id) WHERE step = 0 AND entries = 'once' AND step_order <> 'any'
    UNION
    SELECT f.case_id, f.profile, f.journey, r.first_pos, r.first_us, f.step, f.pos
    FROM reach r JOIN fit f ON f.case_id = r.case_id AND f.profile = r.profile AND f.journey = r.journey
                           AND f.step = r.step + 1 AND f.pos > r.pos
         JOIN funnel o ON o.case_id = r.case_id
    WHERE (o.window_us IS NULL OR f.at_us - r.first_us <= o.window_us)
      AND (o.step_order <> 'strict' OR f.pos = r.pos + 1)
      AND NOT EXISTS (FROM barred b WHERE b.case_id = r.case_id AND b.profile = r.profile AND b.journey = r.journey
                                      AND b.after_step = r.step AND b.pos > r.pos AND b.pos < f.pos)
), once_in_order AS (
    SELECT case_id, profile, journey, step + 1 AS n_reached, first_pos, pos AS last_pos FROM reach
    QUALIFY row_number() OVER (PARTITION BY case_id, profile ORDER BY step DESC, journey, pos, first_us DESC, first_pos) = 1
),
-- In any order: from every end back to where each step was taken last.
latest AS (
    SELECT e.case_id, e.profile, e.journey, e.pos AS last_pos, b.step, max(b.pos) AS pos
    FROM (SELECT DISTINCT case_id, profile, journey, pos, at_us FROM fit) e
         JOIN fit b ON b.case_id = e.case_id AND b.profile = e.profile AND b.journey = e.journey AND b.pos <= e.pos
         JOIN funnel o ON o.case_id = e.case_id
    WHERE o.entries = 'once' AND o.step_order = 'any' AND (o.window_us IS NULL OR e.at_us - b.at_us <= o.window_us)
      AND NOT EXISTS (FROM barred x WHERE x.case_id = e.case_id AND x.profile = e.profile AND x.journey = e.journey
                                      AND x.pos > b.pos AND x.pos <= e.pos)
    GROUP BY ALL
), once_in_any_order AS (
    SELECT case_id, profile, journey, count(*) AS n_reached, min(pos) AS first_pos, last_pos
    FROM latest GROUP BY case_id, profile, journey, last_pos
    QUALIFY row_number() OVER (PARTITION BY case_id, profile ORDER BY n_reached DESC, journey, last_pos) = 1
),
-- Each attempt: along the places one by one, with the steps that are taken as bits.
means AS (
    SELECT p.*, coalesce((SELECT bit_or(1 << s.step) FROM funnel_step s WHERE s.case_id = p.case_id AND s.label = p.label), 0) AS fits,
           coalesce((SELECT bit_or(1 << b.after_step) FROM barred b WHERE b.case_id = p.case_id AND b.profile = p.profile
                                                                   AND b.journey = p.journey AND b.pos = p.pos), 0) AS bars
    FROM place p JOIN funnel USING (case_id) WHERE entries = 'each'
), walk AS (
    SELECT DISTINCT case_id, profile, journey, 0::BIGINT AS pos, 0 AS taken, NULL::BIGINT AS first_pos, NULL::BIGINT AS first_us,
           0::BIGINT AS last_pos, NULL::INTEGER[] AS over, NULL::INTEGER[] AS complete
    FROM means
    UNION ALL
    SELECT case_id, profile, journey, pos,
           CASE WHEN full_now THEN 0 ELSE taken_now END, CASE WHEN NOT full_now THEN first_now END,
           CASE WHEN NOT full_now THEN first_at_now END, last_now, over,
           CASE WHEN full_now THEN [taken_now, first_now, last_now] END
    FROM (
        SELECT *, taken_still | added AS taken_now,
               bit_count(taken_still | added) = n_steps AS full_now,
               CASE WHEN taken_still = 0 THEN pos ELSE first_pos END AS first_now,
               CASE WHEN taken_still = 0 THEN at_us ELSE first_us END AS first_at_now,
               CASE WHEN added > 0 THEN pos ELSE last_pos END AS last_now
        FROM (
            SELECT *, CASE WHEN step_order = 'any' THEN fits & ~taken_still ELSE fits & (1 << bit_count(taken_still)) END AS added
            FROM (
                SELECT *, CASE WHEN ends THEN 0 ELSE taken END AS taken_still,
                       CASE WHEN ends THEN [taken, first_pos, last_pos] END AS over
                FROM (
                    SELECT m.case_id, m.profile, m.journey, m.pos, m.at_us, m.fits, w.taken, w.first_pos, w.first_us, w.last_pos,
                           o.n_steps, o.step_order,
                           w.taken > 0 AND (coalesce(m.at_us - w.first_us > o.window_us, false) OR CASE o.step_order
                               WHEN 'any' THEN m.bars > 0
                               WHEN 'strict' THEN m.fits & (1 << bit_count(w.taken)) = 0
                               ELSE m.fits & (1 << bit_count(w.taken)) = 0 AND m.bars & (1 << greatest(bit_count(w.taken) - 1, 0)) > 0
                           END) AS ends
                    FROM walk w JOIN means m ON m.case_id = w.case_id AND m.profile = w.profile AND m.journey = w.journey
                                            AND m.pos = w.pos + 1
                         JOIN funnel o ON o.case_id = w.case_id
                )
            )
        )
    )
), each_time AS (
    SELECT case_id, profile, journey, unnest([over, complete]) AS found FROM walk
    UNION ALL
    (SELECT case_id, profile, journey, CASE WHEN taken > 0 THEN [taken, first_pos, last_pos] END FROM walk
     QUALIFY row_number() OVER (PARTITION BY case_id, profile, journey ORDER BY pos DESC) = 1)
)
FROM once_in_order
UNION ALL FROM once_in_any_order
UNION ALL SELECT case_id, profile, journey, bit_count(found[1]), found[2], found[3] FROM each_time WHERE found IS NOT NULL;
