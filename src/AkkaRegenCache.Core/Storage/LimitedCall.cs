namespace AkkaRegenCache.Storage;

/// <summary>Calls of foreign code that end within a limit, even if the code never answers and ignores its cancellation.</summary>
internal static class LimitedCall
{
    /// <summary>Makes a call.</summary>
    /// <param name="call">The call. Its token is cancelled when it is given up; its later outcome is ignored.</param>
    /// <param name="time">Measures the limit.</param>
    /// <param name="limit">The longest it may take.</param>
    /// <param name="late">The error message, which names what did not answer.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// There was no answer in time.
    public static async ValueTask<T> RunAsync<T>(
        Func<CancellationToken, Task<T>> call, TimeProvider time, TimeSpan limit, Func<string> late, CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var task = call(ending.Token);
        if (task.IsCompleted)
            return await task.ConfigureAwait(false);
        try
        {
            return await task.WaitAsync(limit, time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (!task.IsCompleted)
        {
            _ = task.ContinueWith(
                static given => _ = given.Exception,
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            await ending.CancelAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            throw new TimeoutException(late());
        }
    }
}
