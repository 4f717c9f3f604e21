// The daemon's interface (docs/openapi.yaml): a function from a request to a response.
#pragma once

#include "api/request.h"
#include "app/manager.h"
#include "host/host.h"

namespace quay {

// What the requests are about. All of it outlives the answer.
struct Gateway {
  Manager& manager;
  Network& network;
  Units& units;
};

// Says that a request was not carried out, and why.
ApiResponse refusal(int status, const Error& error);

// Answers every request, wrong ones too. Needs Viewer for GET and for a dry run; a change needs
// Admin, or Operator when it does nothing but switch a service or an opening.
ApiResponse answer(const Gateway& gateway, const ApiRequest& request);

}  // namespace quay
