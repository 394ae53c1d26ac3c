SELECT a.case_id, a.n_reached - 1, coalesce(p.label, '(end)') AS next, count(*), count(DISTINCT a.profile)
FROM attempt a JOIN funnel o USING (case_id)
     LEFT JOIN place p ON p.case_id = a.case_id AND p.profile = a.profile AND p.journey = a.journey AND p.pos = a.last_pos + 1
WHERE a.n_reached < o.n_steps GROUP BY ALL
