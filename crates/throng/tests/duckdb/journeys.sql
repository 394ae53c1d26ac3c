-- What is seen, in total order, and how it is cut into journeys.
-- Tables given: event, chosen (whose events are seen), cut (how they are cut, and when).

CREATE TABLE seen AS
SELECT e.case_id, e.profile, e.at_us, e.label, e.session, coalesce(e.value, 0) AS value,
       row_number() OVER (PARTITION BY e.case_id, e.profile ORDER BY e.at_us, e.key, e.place) AS n,
       (make_timestamptz(e.at_us) AT TIME ZONE cut.zone)::DATE AS day
FROM event e JOIN chosen USING (case_id, profile) JOIN cut USING (case_id)
WHERE e.at_us BETWEEN cut.from_us AND cut.to_us;

-- Every event with its journey, which is called after its first event, and its place in it.
CREATE TABLE kept AS
WITH parted AS (
    SELECT seen.*, cut.scope,
           CASE cut.scope
               WHEN 'gap' THEN at_us - lag(at_us) OVER w > cut.gap_us
               WHEN 'day' THEN day <> lag(day) OVER w
           END AS parts
    FROM seen JOIN cut USING (case_id)
    WINDOW w AS (PARTITION BY case_id, profile ORDER BY n)
), numbered AS (
    SELECT *, count(*) FILTER (parts) OVER (PARTITION BY case_id, profile ORDER BY n) AS n_parted FROM parted
), named AS (
    SELECT *, CASE scope
                  WHEN 'source' THEN min(n) OVER (PARTITION BY case_id, profile, session)
                  ELSE min(n) OVER (PARTITION BY case_id, profile, n_parted)
              END AS journey
    FROM numbered
)
SELECT case_id, profile, journey, n, at_us, label,
       row_number() OVER (PARTITION BY case_id, profile, journey ORDER BY n) AS k,
       lag(label) OVER (PARTITION BY case_id, profile, journey ORDER BY n) AS label_before
FROM named;

-- The touchpoints of journeys, a run of equal ones made one where the case wants it.
CREATE TABLE touch AS
SELECT case_id, profile, journey, at_us, label,
       row_number() OVER (PARTITION BY case_id, profile, journey ORDER BY k) AS k,
       count(*) OVER (PARTITION BY case_id, profile, journey) AS n_steps
FROM kept JOIN cut USING (case_id)
WHERE NOT (cut.collapsed AND kept.label IS NOT DISTINCT FROM kept.label_before);
