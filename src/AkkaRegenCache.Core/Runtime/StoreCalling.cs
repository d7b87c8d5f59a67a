using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>Calls the store operation of a <see cref="StoreCall"/>.</summary>
internal static class StoreCalling
{
    public static ValueTask<StoreAnswer> Invoke(IExternalStore store, StoreCall call, CancellationToken abandon) => call switch
    {
        ReadCall read => Widen(store.ReadAsync(read.Request, abandon)),
        ClaimCall claim => Widen(store.ClaimAsync(claim.Request, abandon)),
        CommitCall commit => Widen(store.CommitAsync(commit.Request, abandon)),
        ReleaseCall release => Widen(store.ReleaseAsync(release.Request, abandon)),
        WriteCall write => Widen(store.WriteAsync(write.Request, abandon)),
        InvalidateCall invalidate => Widen(store.InvalidateAsync(invalidate.Request, abandon)),
        RenewCall renew => Widen(store.RenewAsync(renew.Claims, renew.Lease, abandon)),
        TouchCall touch => Widen(store.TouchAsync(touch.Activities, abandon)),
        CheckCall check => Widen(store.CheckAsync(check.Keys, abandon)),
        _ => throw new InvalidOperationException($"No operation for {NameOf(call)}."),
    };

    /// <summary>The operation's name, for logs.</summary>
    public static string NameOf(StoreCall call) => call.Request?.GetType().Name ?? call.GetType().Name[..^"Call".Length];

    private static ValueTask<StoreAnswer> Widen<T>(ValueTask<T> task)
        where T : StoreAnswer
    {
        return task.IsCompletedSuccessfully ? new(task.Result) : Await(task);

        static async ValueTask<StoreAnswer> Await(ValueTask<T> task) => await task.ConfigureAwait(false);
    }
}
