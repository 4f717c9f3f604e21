// The daemon's interface (docs/openapi.yaml): a function from a request to a response.
#pragma once

#include "api/request.h"
#include "app/manager.h"

namespace quay {

// Answers every request, wrong ones too. Needs Viewer for GET; a change needs Admin, or Operator
// when it does nothing but switch a service.
ApiResponse answer(Manager& manager, const ApiRequest& request);

}  // namespace quay
