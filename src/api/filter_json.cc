#include "api/filter_json.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "api/json.h"

namespace quay {
namespace {

namespace json = boost::json;

json::array findings_json(const std::vector<FilterFinding>& findings) {
  json::array array;
  for (const FilterFinding& finding : findings)
    array.push_back(
        json::object{{"place", finding.place}, {"text", finding.text}, {"by", texts(finding.by)}});
  return array;
}

json::array differences_json(const std::vector<Difference>& differences, const char* first,
                             const char* second) {
  json::array array;
  for (const Difference& difference : differences)
    array.push_back(json::object{{"direction", to_text(difference.direction)},
                                 {"packets", difference.packets},
                                 {first, difference.first},
                                 {second, difference.second},
                                 {"example", difference.example},
                                 {"certain", difference.certain}});
  return array;
}

json::object untold_json(const Untold& untold) {
  return {{"lines", untold.lines}, {"counted", untold.counted}};
}

}  // namespace

json::value to_json(const FilterAnalysis& analysis) {
  json::array exposures;
  for (const Exposure& exposure : analysis.exposures)
    exposures.push_back(json::object{{"direction", to_text(exposure.direction)},
                                     {"interfaces", texts(exposure.interfaces)},
                                     {"accepted", texts(exposure.accepted)},
                                     {"maybe", texts(exposure.maybe)}});
  return json::object{{"open", std::move(exposures)},
                      {"dead", findings_json(analysis.dead)},
                      {"redundant", findings_json(analysis.redundant)},
                      {"spoofing", findings_json(analysis.spoofing)},
                      {"unknown", texts(analysis.unknown)},
                      {"outside", texts(analysis.outside)},
                      {"rules", analysis.rules},
                      {"exact", analysis.exact},
                      {"complete", analysis.untold.none() && !analysis.too_large},
                      {"untold", untold_json(analysis.untold)},
                      {"too_large", analysis.too_large},
                      {"scope", proof_scope()}};
}

json::value to_json(const Differences& differences) {
  return json::object{{"equal", differences.equal()},
                      {"differences", differences_json(differences.lines, "first", "second")},
                      {"undecided", differences_json(differences.undecided, "first", "second")},
                      {"unknown", texts(differences.unknown)},
                      {"outside", texts(differences.outside)},
                      {"complete", differences.untold.none() && !differences.too_large},
                      {"untold", untold_json(differences.untold)},
                      {"too_large", differences.too_large},
                      {"scope", comparison_scope()}};
}

json::value to_json(const Proof& proof) {
  return json::object{{"equal", proof.equal()},
                      {"differences", differences_json(proof.differences, "kernel", "policy")},
                      {"closed", differences_json(proof.closed, "kernel", "policy")},
                      {"opened", differences_json(proof.opened, "kernel", "policy")},
                      {"lost", differences_json(proof.lost, "first", "answer")},
                      {"unknown", texts(proof.unknown)},
                      {"outside", texts(proof.outside)},
                      {"complete", proof.untold.none() && !proof.too_large},
                      {"untold", untold_json(proof.untold)},
                      {"too_large", proof.too_large},
                      {"scope", proof_scope()}};
}

}  // namespace quay
