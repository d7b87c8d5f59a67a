using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <content>Claims that are released.</content>
internal sealed partial class Flights
{
    /// <summary>
    /// A claim was granted after its flight gave up: the value is made without the store or under a later claim. It is released, because
    /// otherwise it would block the key in the whole farm for its lease. A local run can't use it: a change may have come between the two.
    /// </summary>
    public void OnLateGrant(LateGrant late)
    {
        if (Kernel.Omits(Step.ReturnLateGrant))
            return;
        var state = Kernel.StateOf(late.Call.State!.Key);
        if (late.Call.IsAwaited)
        {
            // The claim is asked for again. If that brings nothing, this grant is used.
            late.Call.Late = late.Answer;
        }
        else if (!IsUnder(state, late.Answer.Token))
        {
            Return(state, late.Answer);
        }

        Kernel.Settle(state);
    }

    private void Return(KeyState state, ClaimAnswer granted)
    {
        var flight = new Flight(state, ClaimReason.Miss) { Token = granted.Token };
        Release(flight, null, isReturn: true);
        if (granted.Epoch == Kernel.Epochs[state.Partition])
            publishing.PublishEnd(NotificationKind.Released, flight);
    }

    /// <summary>Whether a flight of a key has this claim.</summary>
    private bool IsUnder(KeyState state, long token) =>
        state.Flight?.Token == token || (Detached.TryGetValue(state, out var flights) && flights.Exists(flight => flight.Token == token));

    private void Release(Flight flight, GenerationFailure? failure, long dueBackoff = 0, bool isReturn = false)
    {
        heldClaims.Unhold(flight);
        var state = flight.State;
        if (failure is not null)
        {
            dueBackoff = Scheduling.DueBackoff(state);
            state.Failures = (byte)Math.Min(state.Failures + 1, 30);
        }

        var request = new ReleaseRequest
        {
            Key = state.Key,
            Operation = Kernel.NextOperation(),
            Token = flight.Token,
            Failure = failure,
            Backoff = TimeSpan.FromTicks(state.Source?.Profile.FailureBackoff ?? 0),
            DueBackoff = TimeSpan.FromTicks(flight.Why == ClaimReason.Due ? dueBackoff : 0),
        };
        storeGate.Issue(new ReleaseCall(request) { State = state, IsReturn = isReturn });
    }

    public void OnReleased(ReleaseCall call, ReleaseAnswer? answer)
    {
        var flight = call.Flight;
        if (answer is null && call.Attempt + 1 < ClaimAttempts && (flight is null || !flight.IsEnded))
        {
            storeGate.RetryLater(call, Delays.Retry << call.Attempt);
        }
        else if (flight is { IsEnded: false, Phase: FlightPhase.Releasing })
        {
            if (flight.IsUnwanted)
                End(flight);
            else if (answer is null)
                GoOnWithoutClaim(flight);
            else
                Claim(flight);
        }
        else if (flight is { IsEnded: false, IsAbandoning: true })
        {
            flight.IsAbandoning = false;
            if (answer is { Released: true } && flight.Phase == FlightPhase.Running)
            {
                publishing.PublishEnd(NotificationKind.Released, flight);
                Cancel(flight, hung: false);
                AskAgainAll(flight);
            }
            else
            {
                flight.KeepsGoing = true;
            }
        }
    }
}
