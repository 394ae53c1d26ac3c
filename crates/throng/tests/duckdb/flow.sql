-- What journeys pass, column by column. Tables given: flow, anchor.
CREATE TABLE track AS
WITH anchored AS (
    SELECT t.case_id, t.profile, t.journey, t.n_steps, o.n_before, o.n_after, o.top,
           CASE WHEN o.at_last THEN max(t.k) ELSE min(t.k) END AS anchor_k
    FROM touch t JOIN flow o USING (case_id)
    WHERE NOT EXISTS (FROM anchor a WHERE a.case_id = t.case_id)
       OR EXISTS (FROM anchor a WHERE a.case_id = t.case_id AND a.label = t.label)
    GROUP BY t.case_id, t.profile, t.journey, t.n_steps, o.n_before, o.n_after, o.top, o.at_last
), raw AS (
    SELECT case_id, profile, journey, t.k - anchor_k AS col, t.label AS what, top, true AS named
    FROM anchored a JOIN touch t USING (case_id, profile, journey)
    WHERE t.k BETWEEN a.anchor_k - a.n_before AND a.anchor_k + a.n_after
    UNION ALL
    SELECT case_id, profile, journey, -anchor_k, '(start)', top, false FROM anchored WHERE anchor_k <= n_before
    UNION ALL
    SELECT case_id, profile, journey, n_steps - anchor_k + 1, '(end)', top, false FROM anchored WHERE n_steps - anchor_k < n_after
), ranked AS (
    SELECT case_id, col, what, row_number() OVER (PARTITION BY case_id, col ORDER BY count(*) DESC, what) AS rank
    FROM raw WHERE named GROUP BY case_id, col, what
)
SELECT case_id, profile, journey, col, CASE WHEN rank > top THEN '(other)' ELSE what END AS what
FROM raw LEFT JOIN ranked USING (case_id, col, what);
