using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Simulation;

/// <summary>Tells what happens in a seed, a line a message, so that a violation can be read.</summary>
internal sealed class Narrator(World world, TextWriter to)
{
    public void Tell(string who, object message) => to.WriteLine($"{world.Now / 10_000.0,10:F1} {who,-6} {Describe(message)}");

    private static string Describe(object? message) => message switch
    {
        StoreReplied reply => $"<- {Describe(reply.Call)}: {Describe(reply.Answer)}",
        StoreCall { Request: { } request } => Describe(request),
        RenewCall { Claims: var claims } => $"Renew {string.Join(',', claims)}",
        CheckCall { Keys: var keys } => $"Check {string.Join(',', keys)}",
        TouchCall { Activities: var activities } => $"Touch {string.Join(',', activities)}",
        ClaimRequest c => $"Claim {c.Key} {c.Reason} observed {c.ObservedToken} awaited {c.AwaitedToken}",
        CommitRequest c => $"Commit {c.Key} {c.Token} {c.Payload.Value}",
        ReleaseRequest r => $"Release {r.Key} {r.Token} {r.Failure?.Message}{(r.OnlyIfUncontended ? " if uncontended" : "")}",
        WriteRequest w => $"Write {w.Key} {w.Payload.Value}{(w.IsRetry ? " again" : "")}",
        StoreRequest r => $"{r.GetType().Name} {r.Key}",
        ReadAnswer { Record: { } r } => $"{r.Token} {r.Payload?.Value ?? "removed"} fresh {r.FreshFor.TotalMilliseconds} due {r.DueIn?.TotalMilliseconds}",
        ClaimAnswer c => $"{c.Outcome} {c.Token} {c.Owner} {c.Record?.Token}",
        ChangeAnswer c => $"{(c.Accepted ? "accepted" : "superseded")} {c.Token} due {c.DueIn?.TotalMilliseconds} active {c.ActiveFor.TotalMilliseconds}",
        RenewAnswer r => string.Join(',', r.Outcomes),
        CheckAnswer c => string.Join(',', c.Checks),
        StoreAnswer a => a.GetType().Name,
        CacheNotification n => $"{n.Publisher}#{n.Sequence} {n.Kind} {n.Key} {n.Token} {n.Payload?.Value}",
        Adopt a => $"shows {a.Key} {a.Token} {a.Payload.Value}{(a.Committed ? "" : " uncommitted")}",
        Drop d => $"drops {d.Key}",
        RunGenerator r => $"runs {r.Key} as {r.RunId} under {r.Token}",
        CancelGenerator c => $"cancels {c.RunId}",
        GeneratorFinished f => $"run {f.RunId} ended: {f.Outcome} {f.Payload?.Value}",
        Answered a => $"answers {a.Chain.Kind} of {a.Chain.Key}{(a.Chain.Next is null ? "" : " and others")}: {a.Kind} {a.Token} {a.Payload?.Value}",
        ChangeRequested c => $"{c.Caller}",
        Waiter w => $"{w}",
        CoordinatorCall c => $"tells {Describe(c.Message)}",
        OutcomeKnown k => $"outcome from {k.Node}: {Describe(k.Outcome)}",
        OutcomePushed p => $"outcome {Describe(p.Outcome)}",
        ToCoordinator or FromCoordinator => $"{message}",
        NodeDown d => $"{d.Node} is down",
        null => "nothing",
        _ => message.GetType().Name,
    };
}
