using System.ComponentModel;
using System.Runtime.InteropServices;
using AkkaRegenCache.FarmLab.Node;

namespace AkkaRegenCache.FarmLab.Farm;

/// <summary>Signals to processes that the lab started itself. Windows has none.</summary>
internal static class Signals
{
    /// <summary>Why no signal can be sent here; null where they can.</summary>
    public static string? WhyMissing => OperatingSystem.IsLinux() || OperatingSystem.IsMacOS()
        ? null
        : "The farm lab stops, continues and kills processes by signals; it runs on Linux and macOS only.";

    public static void Kill(int processId) => Send(processId, 9);

    public static void Terminate(int processId) => Send(processId, 15);

    public static void Stop(int processId) => Send(processId, OperatingSystem.IsMacOS() ? 17 : 19);

    public static void Continue(int processId) => Send(processId, OperatingSystem.IsMacOS() ? 19 : 18);

    private static void Send(int processId, int signal)
    {
        // 0 and negative ids are whole groups of processes.
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(processId);
        if (WhyMissing is { } why)
            throw new UsageException(why);
        const int NoSuchProcess = 3;
        if (kill(processId, signal) != 0 && Marshal.GetLastPInvokeError() is not NoSuchProcess and var error)
            throw new Win32Exception(error, $"Signal {signal} to process {processId}");
    }

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int kill(int processId, int signal);
}
