WITH met AS (
    SELECT DISTINCT a.case_id, a.profile, a.journey, a.first_pos, a.n_reached = o.n_steps AS converted, p.label
    FROM attempt a JOIN funnel o USING (case_id)
         JOIN place f ON f.case_id = a.case_id AND f.profile = a.profile AND f.journey = a.journey AND f.pos = a.first_pos
         JOIN place p ON p.case_id = a.case_id AND p.profile = a.profile AND p.journey = a.journey AND p.pos >= a.first_pos
    WHERE CASE WHEN a.n_reached = o.n_steps THEN p.pos <= a.last_pos ELSE o.window_us IS NULL OR p.at_us - f.at_us <= o.window_us END
), whole AS (
    SELECT case_id, count(*) AS n, count(*) FILTER (n_reached = n_steps) AS n_converted
    FROM attempt JOIN funnel USING (case_id) GROUP BY ALL
)
SELECT case_id, label, count(*), count(*) FILTER (converted), any_value(n) - count(*), any_value(n_converted) - count(*) FILTER (converted)
FROM met JOIN whole USING (case_id)
WHERE NOT EXISTS (FROM funnel_step s WHERE s.case_id = met.case_id AND s.label = met.label)
GROUP BY ALL
