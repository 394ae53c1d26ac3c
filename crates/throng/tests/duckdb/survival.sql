WITH known AS (
    SELECT seen.*, lasting.as_of FROM seen JOIN lasting USING (case_id) WHERE at_us <= as_of
), started AS (
    SELECT case_id, profile, as_of, min(n) AS n, min(at_us) AS at_us FROM known k
    WHERE NOT EXISTS (FROM survival_start s WHERE s.case_id = k.case_id)
       OR EXISTS (FROM survival_start s WHERE s.case_id = k.case_id AND s.label = k.label)
    GROUP BY ALL
), lasted AS (
    SELECT s.case_id, s.profile, min(k.at_us) IS NOT NULL AS ended, coalesce(min(k.at_us), s.as_of) - s.at_us AS span_us
    FROM started s LEFT JOIN (known k JOIN survival_end USING (case_id, label))
         ON k.case_id = s.case_id AND k.profile = s.profile AND k.n > s.n
    GROUP BY s.case_id, s.profile, s.as_of, s.at_us
), step AS (
    SELECT case_id, span_us, count(*) FILTER (ended) AS n_ended,
           sum(count(*)) OVER (PARTITION BY case_id ORDER BY span_us DESC)::BIGINT AS n_at_risk
    FROM lasted GROUP BY case_id, span_us
)
SELECT case_id, span_us, n_at_risk, n_ended, product(1 - n_ended / n_at_risk) OVER (PARTITION BY case_id ORDER BY span_us)
FROM step WHERE n_ended > 0
