WITH visit AS (
    SELECT *, lag(k) OVER w AS k_before, lag(at_us) OVER w AS at_before
    FROM touch WINDOW w AS (PARTITION BY case_id, profile, journey, label ORDER BY k)
), circle AS (
    SELECT case_id, profile, journey, label, NULL AS over, at_us - at_before AS span_us FROM visit WHERE k > k_before + 1
    UNION ALL
    SELECT v.case_id, v.profile, v.journey, v.label, t.label, v.at_us - v.at_before
    FROM visit v JOIN touch t USING (case_id, profile, journey) WHERE v.k = v.k_before + 2 AND t.k = v.k_before + 1
)
SELECT case_id, label, over, count(*), count(DISTINCT (profile, journey)), count(DISTINCT profile), median(span_us) / 1e6
FROM circle GROUP BY ALL
